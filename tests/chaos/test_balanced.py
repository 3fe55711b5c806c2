"""Processes behind a plain load balancer: any request on any of them, and nothing is lost."""

import pytest
from tests.chaos.balanced.cluster import NGINX
from tests.chaos.balanced.run import play
from tests.chaos.cloud import Cloud, shared_cloud

cloud = pytest.fixture(shared_cloud)


@pytest.mark.skipif(NGINX is None, reason="there is no nginx: apt-get install nginx-light")
def test_a_kill_and_a_rolling_restart_lose_nothing(cloud: Cloud) -> None:
    report = play(cloud, clients=8, seconds=3.0, pause=0.3)
    assert report.wrong == []
    assert report.done.keys() == {"plain", "pay", "ask", "shop", "task", "legacy", "legacy_ask", "slow"}
    assert len(report.served) == 3
