"""Words that belong to a surname of several words: particles, and what joins two surnames."""

# Words that belong to the surname after them. Not those that are given names of their own far more
# often (`Ben`, `Mac`).
PARTICLE_WORDS = (
    "DE|DEL|DELA|DELOS|DELLA|DEGLI|DEI|DI|DA|DAS|DO|DOS|DU|DES|LA|LAS|LOS|LE|LO|VAN|VON|VOM|ZU|ZUM"
    "|ZUR|DEN|DER|TEN|TER|TE|'T|VD|V/D|AF|AV|SAN|SANTA|ST|BIN|IBN|BINT|BINTI|BINTE|BTE|BT|ABU|EL|AL"
    "|AIT|MC|A/L|A/P|S/O|D/O"
    "|بن|ابن|بنت|ابو|أبو|ال|آل|عبد|ABD|ABDUL|ABDEL|בן"
)
# Letters that are more often initials: `T` is one but in `van t Hof`, `D` but before few surnames,
# `O` only with a dot.
PARTICLES = f"{PARTICLE_WORDS}|O|(?:VAN|AAN|OP|IN|UIT) T"
DOTTED_PARTICLES = f"(?:(?:{PARTICLE_WORDS}|V[.]?D|(?:VAN|AAN|OP|IN|UIT) T)[.]?|O)"
CUT_PARTICLES = (
    "D (?:SILVA|SOUZA|SOUSA|COSTA|CRUZ|CUNHA|MELLO|LIMA|ANGELO|AMICO|AMATO|ANDREA|ARCY)"
    # Gaelic ones: `Mac` and `Ni` are given names too, but not before these.
    "|MAC (?:GIOLLA|AN|NA) [^ ,]+|(?:N[IÍí]|NIC) [BCDFGMPST]H[^ ,]+|[Óó] [^ ,]+"
)
# Two surnames are one: `Lucas Costa e Silva`, `José Ortega y Gasset`. A capital is an initial.
JOINED_BY_AND = r"^([^,]*[^, ]) ([^ ,]+ [ey] [^ ,]+)$"
JOINED_IN_CAPITALS = frozenset({"PT", "BR", "AO", "MZ", "CV"})  # where it is no initial
SURNAME_PARTICLES = (*PARTICLE_WORDS.split("|"), "O", "D", "T")
# Of these, those that stand last where the surname is put first: "Berg, Jan van der".
LAST_PARTICLES = "DE|DEL|DELLA|DI|DA|DAS|DOS|DU|DES|LA|LOS|VAN|VON|VOM|ZU|ZUR|DEN|DER|TEN|TER|'T"
FIRST_PARTICLES = tuple(LAST_PARTICLES.split("|"))  # which no given name begins with
