"""The pages that people read: home, the catalogue of problems, the API docs."""
