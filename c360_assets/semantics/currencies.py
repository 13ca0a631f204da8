"""How currencies are written beside an amount, as a pattern that all engines read.

Reading the amount is for `ingest.casts`.
"""

# Codes of ISO 4217, and others that people write: three capitals may as well begin a number that
# somebody was given (`RES100234`).
CURRENCY_CODES = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN
    BZD CAD CDF CHF CLP CNH CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL
    GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF
    KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR
    MZN NAD NGN NIO NIS NOK NPR NTD NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RMB RON RSD RUB RWF SAR
    SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX
    USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL
"""
# In which prices have cents: whole numbers that are no round ones are likely to be cents.
PRICED_IN_CENTS = frozenset({
    "AED", "AUD", "BGN", "BRL", "CAD", "CHF", "EUR", "GBP", "ILS", "MYR", "NZD", "PLN", "RON",
    "SAR", "SGD", "USD", "ZAR",
})  # fmt: skip
# Signs with letters before them (US$, R$), codes (CHF), and usual short names. A backslash is what
# Japanese encodings make of the yen sign.
CURRENCY = (
    rf"[A-Za-z]{{0,3}}\p{{Sc}}|(?:{'|'.join(CURRENCY_CODES.split())})"
    r"|[Kk]r\.?|Kč|zł|Fr\.?|Ft|Rs\.?|Rp\.?|RM|TL|R|N|[Ll]ei|KM|đ|лв\.?|[KTU]?S[Hh][Ss]?\.?|Br|Tk\.?"
    r"|S/\.?|B/\.?|Bs\.?|Q|D[Hh]s?\.?|DA|DT|(?:F ?)?CFA|GH¢|VN[DĐ]|so.m|сум|сўм|тг\.?|тенге|сом"
    r"|дин\.?|din\.?|ден\.?|ман\.?|د\.م\.?|د\.ج\.?|دج|د\.ت\.?|د\.ع\.?|د\.أ\.?|د\.ب\.?|ر\.ع\.?"
    r"|ر\.ق\.?|ل\.ل\.?|ل\.س\.?|ریال|ብር"
    r"|руб\.?|р\.|грн\.?|円|元|원|บาท|ر\.س\.?|د\.إ\.?|د\.ك\.?|ج\.م\.?|ريال|درهم|دينار|جنيه|تومان"
    r"|ש[\"״]ח|\\"
)
# What stands for a fraction of nothing: `99,-`, `CHF 99.–`, `Rs. 350/-`.
NO_CENTS = "(?:[.,](?:--|[-\u2013\u2014])|/[-=])"
