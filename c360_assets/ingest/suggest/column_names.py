"""What the name of a column says without its values: an identifier, an amount, a count.

What it may mean as a tag is in `header_words`.
"""

from __future__ import annotations

import re

from c360_assets.semantics.tags import without_marks

# What is said by names as they are without accents, in the languages of the catalogue's names.
# A last word, or an ending of a word where no other word ends so (`paid` is no id).
IDENTIFIER_NAME = re.compile(
    r"(^|[^a-z0-9])(id|ids|key|code|sku|upc|ean|isbn|asin|uuid|guid|number|no|nr|num|nro|kod|broj"
    r"|cislo|numer|numero|nummer)[^a-z0-9]*$|^(id|nr|numer|nro|num|no|broj|cislo)[ _.]"
    r"|(customer|client|order|user|member|contact|profile|account|person|product|item|lead|guest"
    r"|record|transaction|trans|invoice|ticket|line|subscriber|company|kunden|artikel|variant"
    r"|payment|refund|session|event|campaign|send|message)(id|key|code|no|num|number)$"
    r"|[a-z]{3}(nr|nummer)$|^(code|codigo|numero|matricule|clave)([^a-z0-9]|$)"
    r"|^(debitor|kreditor|matricula|folio|recno)$"
    r"|^(order|invoice|receipt|ticket|transaction|reference|bestellung|commande|pedido)$"
    r"|^n(o|\.o|°|\.)\.? "
    r"|(番号|コード|编号|編號|编码|号|號|번호|코드)$"
    r"|^(код|номер|ид|κωδικος|αριθμος|αρ)(\W|_|$)"
    r"|(\W|_)(код|номер|ид)$|[^\W\d_] ?#$",
    re.IGNORECASE,
)
# The same in languages that put the word first or into one with what is numbered, and the columns
# of SAP's tables.
IDENTIFIER_ELSEWHERE = re.compile(
    r"azonosito(ja)?$|(cikk|nyugta|bizonylat|szamla|rendeles|torzs|kartya|ugyfel|vevo)szam$"
    r"|[a-z]{3} szama?$|[a-z]{3}(numer|kodas|kods)$|^(шифра|број)(\W|_|$)|^(sifra|kod)[ _]"
    r"|(^|[ _])(kodas|kods|kood)$"
    r"|[a-z]{3}(kod|kodja|kodu|numarasi|numero|nummer|tunnus|leidnr)$|^fis ?no$"
    r"|^ma[ _](kh|don|hoa|hd|hang|sp|san|so|phieu|the|gd|giao|tv|thanh)"
    r"|^so[ _](hoa don|hd|phieu|the)\b|^(kode|nomor|cod|kood|codice|codul|cislo|numer)[ _]"
    r"|^(מספר|מס|מזהה|קוד)(\W|$)|^(رقم|معرف|كود|رمز|شماره|کد)(\W|$)|^รหัส|^เลขที่|單號$|单号$|会员号$"
    r"|^(openid|unionid|vbeln|partner|partner_guid|addrnumber|persnumber|parnr)$",
    re.IGNORECASE,
)
# Numbers that a state gives people and companies, by the letters of their columns' names.
NATIONAL_NUMBER = re.compile(
    r"(nro|nr|no|numero|num|numer)?(de|do)?"
    r"(cpf|cnpj|cpfcnpj|cuit|cuil|dni|nif|nie|curp|rfc|pesel|cnp|jmbg|oib|egn|bsn|ssn|nin|bvn|nik"
    r"|noktp|ktp|tckn|tckimlikno|tckimlik|personnummer|personnr|fodselsnummer|cprnummer|cprnr"
    r"|henkilotunnus|isikukood|rodnecislo|codicefiscale|cccd|cmnd|cmndcccd|teudatzehut|תז"
    r"|תעודתזהות|رقمالهوية|身份证号|身份证|身份證|주민등록번호|nationalid|citizenid|aadhaar|stcd1)",
    re.IGNORECASE,
)
UNITS_OF_THING = re.compile(r"(quantity|qty|quantidade|cantidad|menge)[ _]+(sku|product)", re.I)
CUSTOM = re.compile(r"__p?c$", re.IGNORECASE)
LAYOUT = re.compile(
    r" *[\[(]([a-z])\1{1,3}[-./ ]?([a-z])\2{1,2}[-./ ]?([a-z])\3{1,3}\.?[\])]", re.I
)
NUMBER_SIGNS = frozenset({"#", "№"})
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
MONEY_NAME = re.compile(
    r"price|amount|revenue|total|cost|discount|tax|spend|spent|balance|paid|payment|refund|fee"
    r"|saldo|subtotal|credit|debit|ltv|clv|lifetime.?value|preis|betrag|umsatz|summe|rabatt|prix"
    r"|montant|precio|importe|preco|valor|prezzo|importo|totale|bedrag|prijs|kwota|castka|belopp"
    r"|skladka|premium|prima$|poplatek|oplata|cuota|quota|cobr|pago"
    r"|tutar|fiyat|osszeg|ertek$|egysegar|(^|[ _])ar[a]?$|dongia|don gia|thanh ?tien|tong ?tien"
    r"|(^|[ _])(harga|cena|suma|summa|pret)([ _]|$)|wartosc|iznos|valoare|belop|netwr"
    r"|מחיר|סכום|سعر|مبلغ|المبلغ|ราคา|ยอด|сума$|сумма|ціна|цена|стоимость|вартість"
    r"|αξια|ποσο$|τιμη|価格|単価|金額|金额|价格|總計|금액|가격",
    re.IGNORECASE,
)
COUNT_NAME = re.compile(
    r"orders|(?<!ac)count(?!r)|quantity|qty|items|units|visits|points|days|anzahl"
    r"|menge|quanti|cantidad"
    r"|aantal|ilosc|mennyiseg|darab|pont(ok|egyenleg|szam)|so ?luong|(^|[ _])adet|miktar"
    r"|кількість|ποσοτητα|mnozstv|pocet|kolicin|cantitate|kwmeng|כמות|كمية|количество"
    r"|数量|數量|個数|点数|수량",
    re.IGNORECASE,
)
CHANGED_NAME = re.compile(
    r"updat|(^|[ _])upd$|modif|modstamp|chang|last.?edit|geandert|geaendert|aktualis|actualiz"
    r"|atualiz"
    r"|alter(ad|ac|ed)|ultima (alter|modific|atual)|แก้ไข|ปรับปรุง"
    r"|mise a jour|modosit|frissit|cap ?nhat|diubah|guncelle|zmen[ey]n|izmen|עדכון|تحديث|تعديل"
    r"|зміни|змінено|изменен|обновлен|оновлен|ενημερωσ|τροποποι|gewijzigd|wijzig"
    r"|更新|変更|변경",
    re.IGNORECASE,
)
CUSTOMER_NUMBER = re.compile(
    r"(cust(omer)?|client|contact|shopper|profile|member|kunden?|kund|klant|asiakas|vevo|ugyfel"
    r"|musteri|viðskiptamanna|vidskiptamanna|felaga|kliento|klienta|pirkejo|pirceja|kliendi)"
    r"[_ ]?(id|no|nr|number|key|code|nummer|numero|azonosito(ja)?|kod(ja|u)?|szam|numer|nro"
    r"|numeris|kodas|kods|kood)\.?$"
    r"|(^|[_ ])(primary|bill ?to|sold ?to)[_ ](contact|customer)$"
    r"|^membership[_ ]?(no|nr|number|id)$|^kunnr$|^ma[_ ]?(khach[_ ]?hang|kh)$"
    r"|^(no(mor|\.)?|id|kode?|cod(igo|ice)?|code|numero|numer|nr|cislo|sifra|broj)"
    r"[_ ]((do|de|del|du)[_ ])?"
    r"(pelanggan|klienta|cliente|client|customer|contact|zakaznika|kupca|ahli)$"
    r"|^(шифра|број|код) (купца|клијента|члана)$|^(کد|شماره) (مشتری|عضویت|اشتراک)$"
    r"|^(n(o|\.o|°)?\.?|id|cod(igo|ice)?|numero|numer|nr|cislo)[ _]((do|de|del|du|dell?a?)[ _])?"
    r"(hospede|huesped|ospite|hote|goscia|hosta|utente|usuario|socio|membro|miembro|titular|tomador"
    r"|asegurado|segurado|assicurato|abonenta|abonado|abbonato|adherent|contribuinte|czlonka|clena"
    r"|ubezpieczonego|ubezpieczajacego|pojistence|pojistnika|pacienta|paciente)$"
    r"|(guest|subscriber|gast|gaste|versicherten|insured|policy[_ ]?holder|account|tenant|patient"
    r"|donor|kliendi|medlems?|donator|donateur|spender|lid|leden)"
    r"[_ ]?(id|no|nr|number|key|code|nummer)$"
    r"|^(รหัส|เลขที่|หมายเลข)(ลูกค้า|สมาชิก)$"
    r"|^(מספר|מס|קוד) לקוח$|^(رقم|كود|معرف) (العميل|الزبون|العضو|العضوية|الضيف|المشترك)$"
    r"|^(код|номер|ид|id) (клиента|клієнта|покупателя|покупця|контакта|контакту)$"
    r"|^(клиент|клієнт|покупатель|покупець|контакт)[ :_]+(id|ид|код|номер)$"
    r"|^(номер|код) (дисконтнои |бонуснои )?(картки|карты|карточки)$"
    r"|^(κωδικος|αριθμος|αρ\.?) (πελατη|μελους|συνδρομητη)$"
    r"|^(uye|yolcu|abone)[_ ]?(no|numarasi|id|kodu)$"
    r"|^(kunden|bonus|club|loyalty|customer)[_ ]?(karte|card)$|(^|[_ ])(external[_ ])?user[_ ]?id$"
    r"|^(顧客|会員|客户|客戶|会员|會員|고객|회원)(番号|id|コード|编号|編號|号|번호|코드)$",
    re.IGNORECASE,
)
# A name of one word for a customer and words for a number is that of a customer, in any order.
CUSTOMER_WORDS = frozenset({
    "customer", "cust", "client", "cliente", "clienti", "kunde", "kunden", "kund", "kundens",
    "klant", "klient", "klienta", "kliento", "kliendi", "stranke", "kupac", "kupca", "zakaznik",
    "zakaznika", "pelanggan", "musteri", "vevo", "ugyfel", "asiakas", "asiakkaan", "member",
    "membre", "mitglied", "mitglieds", "socio", "adherent", "ahli", "mteja", "mijoz", "πελατη",
    "клиента", "клієнта", "покупателя", "покупця", "клијента", "клиент", "לקוח", "العميل", "الزبون",
    "مشتری", "صارف", "কাস্টমার", "গ্রাহক", "ক্রেতা", "ग्राहक", "የደንበኛ", "ደንበኛ", "მომხმარებლის", "հաճախորդի",
})  # fmt: skip
NUMBERS_ELSEWHERE = frozenset({
    "নম্বর", "নং", "আইডি", "কোড", "संख्या", "क्रमांक",
    "नंबर", "नम्बर", "आईडी", "कोड", "نمبر", "کوڈ", "ቁጥር", "መለያ", "ኮድ",
})  # fmt: skip
NUMBER_WORDS = NUMBERS_ELSEWHERE | {
    "id", "no", "nr", "nro", "num", "n", "number", "numero", "numer", "nummer", "code", "cod",
    "codigo", "codice", "clave", "kode", "kod", "kodas", "kods", "key", "ref", "reference",
    "referencia",
    "sifra", "broj", "cislo", "st", "stevilka", "numeris", "αρ", "αριθμος", "κωδ", "κωδικος", "код",
    "номер", "ид", "шифра", "број", "№", "رقم", "كود", "کد", "شماره", "מספר", "קוד",
}  # fmt: skip
OF_WORDS = frozenset({"de", "del", "do", "da", "di", "du", "of"})
BETWEEN_WORDS = re.compile(r"[\s_./:#()°-]+")
# What became of an order.
STATE_NAME = re.compile(
    r"status|(^|[ _])(state|stage|phase|stato|estado|estat|etat|stav|stan|stanje|stare|stadiu|tila"
    r"|olek|durumu?|zustand|situac[a-z]*|situation|allapot[a-z]*|disposition|outcome|trang thai"
    r"|katastasi)([ _]|$)"
    r"|statut|statusz|สถานะ|الحالة|حالة|وضعیت|סטטוס|מצב|статус|состояние|стан|стадія"
    r"|стадия|операція|операция|κατασταση|स्थिति"
    r"|状態|状态|狀態|상태|ステータス",
    re.IGNORECASE,
)
BRAND_NAME = re.compile(r"(home.?)?brand(.?name)?|marke|marque|marca", re.IGNORECASE)
OTHER_ALPHABET = re.compile(r"[^\W\d_A-Za-z]")
ROW_INDEX_NAME = re.compile(
    r"(unnamed([: _] ?\d+)*|index|idx|level_?\d+|__index_level_\d+__|column_?0|row|#"
    r"|row[ _]?(id|index|no|nr|num|number)|line[ _]?(no|nr|number)|s\.? ?no|sl\.? ?no"
    r"|lfd\.? ?nr|pos|s/n|№|n°|lp|sira|sira ?no|stt|ssz|sorszam"
    r"|p\.? ?c|连番|連番|序号|序號|순번)\.?",
    re.IGNORECASE,
)
# A name that says that a column's times are in UTC; GMT+01:00 is another zone.
UTC_NAME = re.compile(r"(?<![A-Za-z])(UTC|GMT)(?![A-Za-z]| ?[+-] ?\d)", re.IGNORECASE)
# The number of a house in a column of its own.
HOUSE_NUMBER = re.compile(
    r"(house|street|building|ev|dom)[_ ]?(no|num(ber)?1?)|haus(nr|nummer)|huisn(r|ummer)|husnr"
    r"|hazszam|n(ume)?r[_ ]domu|cislo[_ ](domu|popisne)|kucni[_ ]broj"
    r"|numero[_ ](da[_ ]casa|exterior)|n(umero)?[_ ]civico|numero|מספר בית|בית|رقم المنزل",
    re.IGNORECASE,
)
# A part of a surname in a column of its own, before or behind the rest.
PART_OF_SURNAME = re.compile(
    r"tussenvoegsels?|voorvoegsels?|tussenv\.?|infix|name ?infix|nameninfix|namens(zusatz|vorsatz)"
    r"|vorsatzwort|particule|(segundo|2o?|second) ?apellido|apellido ?(materno|mat\.?|2)"
    r"|apellido_materno|segundo_apellido|middle[_ ]?surname|second[_ ]?surname",
    re.IGNORECASE,
)
# How a name is read, beside the name in ideographs.
NAME_READING = re.compile(
    r"((お?名前|氏名|姓|名|会員名|顧客名|漢字) ?)?[(（]?"
    r"(フリ[ガカ].?ナ|ふり[がか].?な|カナ|かな|よみ[がか].?な|ヨミ|読み)[)）]?"
    r"|セイ|メイ|せい|めい|furigana|(furigana|kana)[_ ].*|.*[_ ](furigana|kana|yomi)|.*phonetic.*",
    re.IGNORECASE,
)
NOTES_BY_NAME = (
    (
        HOUSE_NUMBER,
        "if this is the house's number: SQL of a custom domain table puts it to its street, as an "
        "address is compared with both",
    ),
    (
        PART_OF_SURNAME,
        "a part of the surname: SQL of a custom domain table puts both together, as a surname is "
        "compared whole",
    ),
    (
        NAME_READING,
        "how a name is read: no tag holds it, so it is kept and not compared; a feed that has no "
        "other names needs it as given-name and surname",
    ),
)
# What a column is called here that has no name in its file.
NO_NAME = re.compile(r"column\d+|unnamed_\d+")


def plain_header(name: str) -> str:
    """A column's name without accents, without what Salesforce adds to names of a tenant's, and
    without how days are written in it: `Date de naissance (AAAA-MM-JJ)`."""
    return LAYOUT.sub("", CUSTOM.sub("", without_marks(name).strip()))


def note_by_name(name: str) -> str | None:
    """What to say of a column that is called like a part of a value which has no tag."""
    for pattern, note in NOTES_BY_NAME:
        if pattern.fullmatch(plain_header(name)) is not None:
            return note
    return None


def is_state_name(name: str) -> bool:
    """Whether a column is called like one that says what became of an order."""
    return STATE_NAME.search(CAMEL.sub("_", plain_header(name))) is not None


def is_identifier_name(name: str) -> bool:
    """Whether a column is called like something that tells one row from another."""
    plain_name = plain_header(name)
    if plain_name in NUMBER_SIGNS:
        return True
    words = CAMEL.sub("_", plain_name)
    if UNITS_OF_THING.match(words):
        return False
    if IDENTIFIER_NAME.search(words) or IDENTIFIER_ELSEWHERE.search(plain_name):
        return True
    if _is_number_of_customer(words) or not NUMBERS_ELSEWHERE.isdisjoint(_words(words)[-1:]):
        return True
    return is_national_number_name(name)


def says_utc(name: str) -> bool:
    """Whether a column's name says that its times are in UTC."""
    return UTC_NAME.search(name) is not None


def is_national_number_name(name: str) -> bool:
    """Whether a column is called like the number that a state gives a person or a company."""
    letters = re.sub(r"[\W_]", "", without_marks(name))
    return NATIONAL_NUMBER.fullmatch(letters) is not None


def is_customer_number_name(name: str) -> bool:
    """Whether a column is called like the number by which other tables name a customer."""
    plain_name = CAMEL.sub("_", plain_header(name))
    return CUSTOMER_NUMBER.search(plain_name) is not None or _is_number_of_customer(plain_name)


def is_bare_number_name(name: str) -> bool:
    """Whether a column is called `Code` or `No.`, and not of what it is one."""
    words = _words(plain_header(name))
    return bool(words) and all(word in NUMBER_WORDS for word in words)


def _is_number_of_customer(plain_name: str) -> bool:
    words = [word for word in _words(plain_name) if word not in OF_WORDS]
    customers = [word for word in words if word in CUSTOMER_WORDS]
    is_all = all(word in CUSTOMER_WORDS or word in NUMBER_WORDS for word in words)
    return is_all and len(customers) == 1 and len(words) > 1


def _words(plain_name: str) -> list[str]:
    return [word for word in BETWEEN_WORDS.split(plain_name.lower()) if word]
