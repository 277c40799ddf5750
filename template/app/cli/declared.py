"""What the environment and `.env` declare, readable before the settings are complete."""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).parents[2]


class Declared(BaseSettings):
    model_config = SettingsConfigDict(env_file=ROOT / ".env", extra="ignore")

    ENVIRONMENT: str = "development"

    @property
    def development(self) -> bool:
        return self.ENVIRONMENT == "development"
