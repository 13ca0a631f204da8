"""The worked examples of the specification (G1-G17) as tables: records in, the cluster each belongs
to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import polars as pl

from c360_assets.stitch.prepare.preprocessing import preprocess
from c360_assets.stitch.prepare.trivial_duplicates import collapse, representatives
from c360_assets.stitch.resolve import resolve
from c360_assets.tenant.models import StitchConfig

COLUMNS = (
    "given_name",
    "surname",
    "generational_suffix",
    "birthdate",
    "email",
    "phone",
    "address",
    "postal",
    "company",
    "fk_loy",
    "cluster",
)
_: None = None
G: dict[str, list[tuple[str | None, ...]]] = {
    "G1": [
        ("Tara", "Quill", _, _, "tquill@", "2065550111", "5 Oak St", "98101", _, _, "A"),
        ("TARA", "Quill", _, _, "TQuill@", "(206) 555-0111", "5 Oak Street", "98101", _, _, "A"),
        ("Tara", "Quill", _, _, "t.quill@", "2065550111", "5 Oak St", "98101", _, _, "A"),
    ],
    "G2": [
        ("John", "Rivera", _, "1970-05-02", _, "2065550122", "9 Fir Ave", "98102", _, _, "A"),
        ("Mary", "Rivera", _, "1973-11-19", _, "2065550122", "9 Fir Ave", "98102", _, _, "B"),
        ("John", "Rivera", _, _, "jrivera@", "2065550122", "9 Fir Ave", "98102", _, _, "A"),
    ],
    "G3": [
        ("Emma", "Novak", _, "1999-03-03", _, "2065550133", "2 Elm Ct", "98103", _, _, "A"),
        ("Jill", "Novak", _, "1999-03-03", _, "2065550133", "2 Elm Ct", "98103", _, _, "B"),
        ("Emma", "Novak", _, "1999-03-03", "emma.n@", _, _, "98103", _, _, "A"),
    ],
    "G4": [
        ("Robert", "Hale", "Sr", "1950-01-20", _, "2065550144", "7 Bay Rd", "98104", _, _, "A"),
        (
            "Robert",
            "Hale",
            "Jr",
            "1978-06-30",
            "rhale78@",
            "2065550144",
            "7 Bay Rd",
            "98104",
            _,
            _,
            "B",
        ),
        ("Robert", "Hale", _, _, "rhale78@", _, _, "98104", _, _, "B"),
    ],
    "G5": [
        ("William", "Stone", _, _, "wstone@", "2065550155", _, "98105", _, _, "A"),
        ("Bill", "Stone", _, _, "wstone@", _, "12 Gull Way", "98105", _, _, "A"),
        ("Bill", "Stone", _, _, _, "2065550155", "12 Gull Way", "98105", _, _, "A"),
    ],
    "G6": [
        ("Laura", "Benson", _, _, "laura.benson@", "2065550166", _, "98106", _, _, "A"),
        ("Laura", "Benson", _, _, "laura.bensom@", "2065550166", _, "98106", _, _, "A"),
        ("Laurent", "Benoit", _, _, "laurent.b@", _, _, "98106", _, _, "B"),
    ],
    "G7": [
        ("Ivo", "Kral", _, _, "ikral@", "2065550177", "1 A St", "98107", _, _, "A"),
        ("Sue", "Marsh", _, _, "smarsh@", "2065550177", "8 B St", "98177", _, _, "B"),
        ("Omar", "Diaz", _, _, "odiaz@", "2065550177", "3 C St", "98133", _, _, "C"),
    ],
    "G8": [
        ("Michael", "Arden", _, "1981-09-08", _, "2065550188", "3 Ash Rd", "98108", _, _, "A"),
        ("Michael", "Arden", _, "1981-08-09", "marden@", _, "3 Ash Rd", "98108", _, _, "A"),
        ("Michael", "Arden", _, "1952-02-27", "marden@", _, _, "98108", _, _, "B"),
    ],
    "G9": [
        ("Ann", "Ode", _, _, "info@", _, _, "98109", _, _, "A"),
        ("Karl", "Weiss", _, _, "info@", _, _, "98119", _, _, "B"),
        (_, _, _, _, "info@", _, _, _, _, _, "C"),
    ],
    "G10": [
        ("Pia", "Lund", _, _, "plund@", _, _, "98110", _, "77a", "A"),
        (_, _, _, _, _, _, _, _, _, "77A", "A"),
        (_, _, _, _, _, _, _, _, _, "78", "B"),
    ],
    "G11": [
        ("Peter", "Voss", _, "1960-01-01", _, _, _, "98111", _, "90", "A"),
        ("Paula", "Voss", _, "1962-07-07", _, _, _, "98111", _, "90", "A"),
        ("Paula", "Voss", _, "1962-07-07", "pvoss@", "2065550110", _, "98111", _, _, "A"),
    ],
    "G12": [
        ("Amy", "Brown", _, _, "amyb_1@", _, "123 Elm St", "98112", _, _, "A"),
        ("Amy", "Brown", _, "1990-03-04", "amyb_1@", _, "123 Elm St", "98112", _, _, "A"),
        ("Amy", "Brown", _, "1962-11-20", _, _, "123 Elm St", "98112", _, _, "B"),
    ],
    "G13": [
        ("Amy", "Crane", _, "1997-01-02", "amy1@", _, "123 Elm St", "98113", _, _, "A"),
        ("Amy", "Crane", _, "1997-01-02", "amy1@", _, "45 Main St", "98177", _, _, "A"),
        ("Amy", "Crane", _, _, _, _, "123 Elm St", "98113", _, _, "A"),
    ],
    "G14": [
        ("Dana", "Wu", _, _, "dwu@", "2065550100", "1 Pier 9", "98121", "Harbor Coffee", _, "A"),
        (
            "Luis",
            "Ortega",
            _,
            _,
            "lortega@",
            "2065550100",
            "1 Pier 9",
            "98121",
            "Harbor Coffee",
            _,
            "B",
        ),
        ("Dana", "Wu", _, _, _, "2065550100", _, _, "Harbor Coffee", _, "A"),
    ],
    "G15": [
        ("Nina", "Patel", _, "1988-04-04", "nina.p@", "2065550115", "4 Ivy Ln", "98115", _, _, "A"),
        (
            "Nina",
            "Lopez",
            _,
            "1988-04-04",
            "nina.p@",
            "2065550115",
            "60 Hill Dr",
            "98118",
            _,
            _,
            "A",
        ),
        ("Nina", "Lopez", _, _, _, _, "60 Hill Dr", "98118", _, _, "A"),
    ],
    "G17": [
        ("J", "Carter", _, _, "carters@", "2065550117", "6 Lake St", "98116", _, _, "A"),
        ("Jane", "Carter", _, _, "carters@", "2065550117", "6 Lake St", "98116", _, _, "A"),
        ("James", "Carter", _, _, "carters@", _, "6 Lake St", "98116", _, _, "B"),
    ],
}


def records(name: str) -> pl.DataFrame:
    """The raw records of a set, keyed by their number; `cluster` is the expected one."""
    frame = pl.DataFrame(
        G[name], schema=dict.fromkeys(COLUMNS, pl.String), orient="row"
    ).with_row_index("number", offset=1)
    return frame.with_columns(
        datasource=pl.lit("Golden:" + name),
        pk=pl.col("number").cast(pl.String),
        email=pl.when(pl.col("email").is_not_null()).then(pl.col("email") + "example.com"),
    )


# The same stories with other people: names that mean the same to each other (nickname, initial,
# alike, conflict).
OTHERS = {
    **{
        "Tara": "Vera",
        "TARA": "VERA",
        "Quill": "Stokes",
        "John": "Karl",
        "Mary": "Ruth",
        "Rivera": "Ostrow",
        "Emma": "Paula",
    },
    **{
        "Jill": "Doris",
        "Novak": "Hobart",
        "Robert": "Martin",
        "Hale": "Fenwick",
        "William": "Richard",
        "Bill": "Dick",
    },
    **{
        "Stone": "Lambert",
        "Laura": "Carla",
        "Laurent": "Carlton",
        "Benson": "Hanson",
        "Benoit": "Hanley",
        "Ivo": "Nils",
    },
    **{
        "Kral": "Thorp",
        "Sue": "Gwen",
        "Marsh": "Pike",
        "Omar": "Felix",
        "Diaz": "Ruiz",
        "Michael": "Gordon",
        "Arden": "Selby",
    },
    **{
        "Ann": "Eve",
        "Ode": "Lark",
        "Karl": "Otto",
        "Weiss": "Braun",
        "Pia": "Ida",
        "Lund": "Holm",
        "Peter": "Simon",
    },
    **{
        "Paula": "Helen",
        "Voss": "Kerr",
        "Amy": "Joy",
        "Brown": "Adams",
        "Crane": "Doyle",
        "Dana": "Nora",
        "Wu": "Li",
    },
    **{
        "Luis": "Hugo",
        "Ortega": "Bonner",
        "Nina": "Lena",
        "Patel": "Mistry",
        "Lopez": "Gomes",
        "J": "K",
        "Jane": "Kate",
    },
    **{"James": "Kenneth", "Carter": "Wheeler"},
}


def of_others(raw: pl.DataFrame) -> pl.DataFrame:
    """The records with other names (in logins too), postal codes and phone numbers."""
    rows = raw.to_dicts()
    spelled: dict[str, str] = {}
    for row in rows:
        given, surname = row["given_name"], row["surname"]
        if given and surname:
            spelled[(given[0] + surname).lower()] = (OTHERS[given][0] + OTHERS[surname]).lower()
    for old, new in OTHERS.items():
        if len(old) > 2:
            spelled.setdefault(old.lower(), new.lower())
    spelled["bensom"] = spelled["benson"][:-1] + "m"
    words = re.compile("|".join(sorted(spelled, key=lambda w: (-len(w), w))))
    for row in rows:
        row["given_name"], row["surname"] = (
            OTHERS.get(row["given_name"]),
            OTHERS.get(row["surname"]),
        )
        local, _, domain = (row["email"] or "").partition("@")
        row["email"] = (
            f"{words.sub(lambda m: spelled[m.group().lower()], local.lower())}@{domain}"
            if domain
            else None
        )
        row["postal"] = row["postal"] and str(int(row["postal"]) - 57_311)
        row["phone"] = row["phone"] and row["phone"].replace("206", "415").replace("01", "73")
    return pl.DataFrame(rows, schema=raw.schema)


def clusters(raw: pl.DataFrame, config: StitchConfig | None = None) -> dict[tuple[str, str], int]:
    """Cluster of each (datasource, pk) after preprocessing, collapse and matching."""
    config = config or StitchConfig()
    clean = preprocess(raw.drop("cluster", "number", strict=False), config.bad_values)
    keys = clean.select(*clean.foreign_keys).with_columns(collapse(clean).rep)
    found = resolve(representatives(clean, keys).drop("rep"), config).clusters
    joined = keys.join(found, left_on="rep", right_on="rid")
    return {(d, p): c for d, p, c in joined.select("datasource", "pk", "cluster").rows()}


def partition(of: Mapping[tuple[str, str], int | str]) -> set[frozenset[tuple[str, str]]]:
    """The grouping without its names."""
    groups: dict[int | str, set[tuple[str, str]]] = {}
    for record, cluster in of.items():
        groups.setdefault(cluster, set()).add(record)
    return {frozenset(g) for g in groups.values()}


def expected(raw: pl.DataFrame) -> set[frozenset[tuple[str, str]]]:
    return partition(
        {(d, p): f"{d}{c}" for d, p, c in raw.select("datasource", "pk", "cluster").rows()}
    )
