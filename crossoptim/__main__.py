"""``python -m crossoptim``."""

from crossoptim.cli import main

if __name__ == "__main__":
    main()
