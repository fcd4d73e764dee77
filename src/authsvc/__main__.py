"""``python -m authsvc`` is the same as ``authsvc``."""

from authsvc.cli import main

if __name__ == "__main__":
    main()
