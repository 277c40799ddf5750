"""The validated requests and the responses of the API."""
