"""How much of a file the hall is willing to look at; every number can be set in config.toml."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

MEGABYTE = 1024 * 1024


class Limits(BaseModel):
    """`description` is what a wrong setting answers, so it says what is allowed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_bytes: int = Field(
        10 * MEGABYTE, ge=100_000, le=50 * MEGABYTE, description="100000 到 52428800 的整数（字节）"
    )
    # 50 million pixels is a 48-megapixel phone camera, and at most 200 MB of memory while decoding.
    max_pixels: int = Field(
        50_000_000, ge=1_000_000, le=120_000_000, description="1000000 到 120000000 的整数（像素）"
    )
    max_pages: int = Field(50, ge=1, le=500, description="1 到 500 的整数（页）")
    max_files_per_request: int = Field(20, ge=1, le=100, description="1 到 100 的整数（个文件）")
