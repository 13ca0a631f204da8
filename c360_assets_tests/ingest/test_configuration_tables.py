"""Blocklists, labels, nicknames and privacy requests are feeds like any other: accepted by check,
and loaded.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from c360_assets.configuration import read_tenant
from c360_assets_tests.ingest.tenants import land, load, table

FEEDS = {
    "blocklist": (
        """
source: Amperity
feed: Blocklist
files: {pattern: "'blocklist-'yyyyMMdd'.csv'"}
load: truncate_and_upsert
primary_key: [semantic, value]
fields:
  datasource: {tags: [blv/datasource]}
  semantic: {tags: [blv/semantic]}
  value: {tags: [blv/value]}
  is_preprocessed: {type: boolean, tags: [blv/is-preprocessed]}
""",
        "datasource,semantic,value,is_preprocessed\n*,email,a@b.c,\nShop,phone,5551212,yes\n",
        ["email|a@b.c", "phone|5551212"],
    ),
    "labels": (
        """
source: Amperity
feed: Stitch Labels
files: {pattern: "'labels-'yyyyMMdd'.csv'"}
primary_key: [row_id]
fields:
  row_id: {}
  label_id: {tags: [sl/label-id]}
  partition_id: {type: integer, tags: [sl/partition-id]}
  datasource: {tags: [sl/datasource]}
  semantic: {tags: [sl/semantic]}
  value: {tags: [sl/value]}
""",
        "row_id,label_id,partition_id,datasource,semantic,value\n"
        "1,l1,1,Shop:C,pk,7\n2,l1,2,Shop:C,pk,8\n",
        ["1", "2"],
    ),
    "nicknames": (
        """
source: Amperity
feed: Nicknames
files: {pattern: "'nicknames-'yyyyMMdd'.csv'"}
primary_key: [row_id]
fields:
  row_id: {}
  canonical_name: {tags: [nicknames/canonical-name]}
  nickname: {tags: [nicknames/nickname]}
  update_type: {tags: [nicknames/update-type]}
""",
        "row_id,canonical_name,nickname,update_type\n1,ROBERT,BOBBO,ADD\n",
        ["1"],
    ),
    "requests": (
        """
source: Privacy
feed: Requests
files: {pattern: "'requests-'yyyyMMdd'.csv'"}
primary_key: [id]
fields:
  id: {tags: [compliance/request-id]}
  kind: {tags: [compliance/request-type]}
  strategy: {tags: [compliance/request-strategy]}
  email: {tags: [compliance/request-email]}
  phone: {tags: [compliance/request-phone]}
  street: {tags: [compliance/request-address]}
  city: {tags: [compliance/request-city]}
  loyalty: {tags: [compliance/request-custom-key]}
""",
        "id,kind,strategy,email,phone,street,city,loyalty\nr1,delete_pii,exact,a@b.c,,,,L1\n",
        ["r1"],
    ),
    "linkage": (
        """
source: Privacy
feed: Linkage
files: {pattern: "'linkage-'yyyyMMdd'.csv'"}
primary_key: [source_ds, source_pk, cdt_ds, cdt_pk]
fields:
  source_ds: {tags: [compliance/source-ds]}
  source_pk: {tags: [compliance/source-pk]}
  cdt_ds: {tags: [compliance/cdt-ds]}
  cdt_pk: {tags: [compliance/cdt-pk]}
""",
        "source_ds,source_pk,cdt_ds,cdt_pk\nShop:C,1,CDT_C,9\n",
        ["Shop:C|1|CDT_C|9"],
    ),
}


@pytest.mark.parametrize("name", FEEDS)
def test_accepted_and_loaded(tmp_path: Path, name: str) -> None:
    text, rows, keys = FEEDS[name]
    (tmp_path / "tenant.yaml").write_text("id: 6f6c3c5e-0d3e-4b57-8a39-0c9a3a3b6f11\n")
    (tmp_path / "feeds").mkdir()
    (tmp_path / "feeds" / f"{name}.yaml").write_text(text)
    tenant, problems = read_tenant(tmp_path)
    assert [str(p) for p in problems] == []
    assert tenant is not None
    land(tenant, f"{name}-20240105.csv", rows)
    assert [d.message for d in load(tenant, tenant.feeds[0]).days] == [""]
    assert table(tenant, tenant.feeds[0])["_pk"].to_list() == keys
