"""The web server: uvicorn, with our limits, our error responses and our shutdown."""
