from datetime import UTC, datetime, timedelta

from authsvc.kit.clock import utc_now


def test_now_is_aware_and_in_utc():
    now = utc_now()
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)
