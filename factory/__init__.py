"""An image factory: AWS Lambda's runtimes as containers, declared in one file, `matrix.toml`."""
