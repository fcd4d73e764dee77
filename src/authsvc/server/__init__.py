"""The HTTP server in front of the application: uvicorn, with limits of what is sent and how slowly."""
