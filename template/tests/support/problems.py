"""The format of every error (RFC 9457)."""

from httpx import Response


def assert_problem(response: Response, status: int, detail: str | None = None) -> None:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["instance"].rstrip("/") == response.request.url.path.rstrip("/")
    assert problem["request_id"] == response.headers["x-request-id"]
    assert isinstance(problem["detail"], str)
    assert isinstance(problem["title"], str)
    assert detail in {None, problem["detail"]}
