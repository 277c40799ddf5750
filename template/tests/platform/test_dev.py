"""`dev` as its users see it."""

import signal
from pathlib import Path

from app.core.config import Settings
from tests.support.logins import ADA, REGISTER
from tests.support.processes import answering, output_after, running

NO_SERVERS = {name: "" for name in Settings.model_fields if name.endswith("_URL")}


async def test_dev_serves_each_change_until_ctrl_c(project: Path) -> None:
    limits = {"RATE_LIMIT_ADDRESSES": "true", "RATE_LIMIT_REGISTER": "1/day"}
    async with running(project, "dev", **limits | NO_SERVERS) as (process, client):
        assert "SECRET_KEY=" in (project / ".env").read_text()
        assert (await client.get("/health/ready")).status_code == 200
        response = await client.post(REGISTER, json=ADA)
        assert response.status_code == 201
        assert "server" not in response.headers
        elsewhere = {"X-Forwarded-For": "192.0.2.1"}
        assert (await client.post(REGISTER, json=ADA, headers=elsewhere)).status_code == 429
        assert (await client.get("/api/v1/docs")).status_code == 200
        health = project / "app" / "api" / "health.py"
        health.write_text(health.read_text().replace('"healthy"', '"mended"'))
        await answering(process, client, "mended")
        output = await output_after(process, signal.SIGINT)
    assert process.returncode == 0
    assert f"{client.base_url}/api/v1/docs" in output
    assert "create-admin you@example.com" in output
    assert "Traceback" not in output
    # The server stops before the servers that it needs.
    assert "_lost" not in output[output.rindex("Shutting down") :]
