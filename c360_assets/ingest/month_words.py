"""How people write months, in the languages that exports come in. Patterns of dates are in
`dates`."""

# How the months are written, January first: English, German, French, Spanish, Italian, Portuguese,
# Dutch, Scandinavian, Polish, Czech, Hungarian, Romanian, Turkish, Russian and Ukrainian, each
# whole and as short as exports have it, and whole in some forty other languages. A name that means
# another month elsewhere is not here, such as the `listopad` of Croatia and Czechia.
MONTHS = (
    "jan january januar jän jänner janv janvier ene enero gen gennaio janeiro januari sty "
    "stycznia styczeń янв января январь leden ledna január ianuarie ian ocak oca січ "
    "січня січень tammikuu tammikuuta jaanuar janvāris janvārī sausio sausis siječnja "
    "siječanj januara јануар януари ян јануари студзеня ιανουαρίου ιανουάριος ιαν ינואר "
    "בינואר يناير جانفي जनवरी জানুয়ারি جنوری ژانویه มกราคม ม.ค janúar gener janar yanvar "
    "қаңтар იანვარი հունվար հունվարի januára eanáir ionawr ጃንዋሪ",
    "feb february februar febr fév févr février febrero febbraio fev fevereiro februari "
    "lut lutego luty фев февр февраля февраль únor února február februarie şubat şub лют "
    "лютого лютий helmikuu helmikuuta veebruar februāris februārī vasario vasaris veljače "
    "veljača februara фебруар февруари лютага φεβρουαρίου φεβρουάριος φεβ פברואר בפברואר "
    "فبراير فيفري फरवरी फ़रवरी ফেব্রুয়ারি فروری فوریه กุมภาพันธ์ ก.พ peb pebruari "
    "pebrero febrúar febrer otsaila shkurt fevral ақпан თებერვალი փետրվար փետրվարի "
    "februára feabhra chwefror ፌብሩዋሪ",
    "mar march mär märz mrz mars marzo março mrt maart marts marca marzec мар марта март "
    "březen března március márc martie mart maret бер березня березень maaliskuu "
    "maaliskuuta märts martā kovo kovas marec ožujka ožujak marta сакавіка μαρτίου "
    "μάρτιος μαρ מרץ במרץ מרס במרס مارس मार्च মার্চ مارچ มีนาคม มี.ค mac marso machi març "
    "martxoa наурыз მარტი մարտ մարտի márta mawrth ማርች",
    "apr april avr avril abr abril aprile kwi kwietnia kwiecień апр апреля апрель duben "
    "dubna április ápr aprilie nisan nis кві квітня квітень huhtikuu huhtikuuta aprill "
    "aprīlis aprīlī balandžio balandis travnja travanj aprila април красавіка απριλίου "
    "απρίλιος απρ אפריל באפריל أبريل ابريل أفريل अप्रैल এপ্রিল اپریل آوریل เมษายน เม.ย "
    "aprili apríl apirila prill aprel сәуір აპრილი ապրիլ ապրիլի apríla aibreán ebrill "
    "ኤፕሪል",
    "may mai mayo mag maggio maio mei maj maja мая май květen května május máj mayıs тра "
    "травня травень toukokuu toukokuuta maijs maijā gegužės gegužė svibnja svibanj мај "
    "μαΐου μάιος μαΐ μαι מאי במאי مايو ماي मई মে مئی مه พฤษภาคม พ.ค maí maig maiatza "
    "мамыр მაისი մայիս մայիսի mája bealtaine ሜይ",
    "jun june juni juin junio giu giugno junho cze czerwca czerwiec июн июня июнь červen "
    "června június jún iunie iun haziran haz чер червня червень kesäkuu kesäkuuta juuni "
    "jūnijs jūnijā birželio birželis junij lipnja lipanj juna јун юни јуни чэрвеня "
    "ιουνίου ιούνιος ιουν יוני ביוני يونيو يونية جوان जून জুন جون ژوئن มิถุนายน มิ.ย "
    "hunyo júní juny ekaina qershor iyun маусым ივნისი հունիս հունիսի júna meitheamh "
    "mehefin ጁን",
    "jul july juli juil juillet julio lug luglio julho lip lipca lipiec июл июля июль "
    "červenec července július júl iulie iul temmuz tem лип липня липень heinäkuu "
    "heinäkuuta juuli jūlijs jūlijā liepos liepa julij srpnja srpanj jula јул юли јули "
    "ліпеня ιουλίου ιούλιος ιουλ יולי ביולי يوليو يولية جويلية يوليوز जुलाई জুলাই جولائی "
    "ژوئیه กรกฎาคม ก.ค julai hulyo júlí juliol uztaila korrik iyul шілде ივლისი հուլիս "
    "հուլիսի júla iúil gorffennaf ጁላይ",
    "aug ags august août aout ago agosto augustus augusti sie sierpnia sierpień авг "
    "августа август srpen srpna augusztus ağustos ağu agt сер серпня серпень elokuu "
    "elokuuta augusts augustā rugpjūčio rugpjūtis avgust kolovoza kolovoz avgusta жніўня "
    "αυγούστου αύγουστος αυγ אוגוסט באוגוסט أغسطس اغسطس أوت غشت अगस्त আগস্ট اگست اوت "
    "สิงหาคม ส.ค agustus agu ogos ogo agosti ágúst agost abuztua gusht avqust тамыз "
    "აგვისტო օգոստոս օգոստոսի augusta lúnasa awst ኦገስት",
    "sep sept september septembre septiembre set settembre setembro wrz września wrzesień "
    "сен сент сентября сентябрь září szeptember szept septembrie eylül eyl вер вересня "
    "вересень syyskuu syyskuuta septembris septembrī rugsėjo rugsėjis rujna rujan "
    "septembar septembra септембар септември септ верасня σεπτεμβρίου σεπτέμβριος σεπ "
    "ספטמבר בספטמבר سبتمبر شتنبر सितंबर सितम्बर সেপ্টেম্বর ستمبر سپتامبر กันยายน ก.ย "
    "setyembre septemba setembre iraila shtator sentyabr sentabr қыркүйек სექტემბერი "
    "սեպտեմբեր սեպտեմբերի medi ሴፕቴምበር",
    "oct october okt oktober octobre octubre ott ottobre out outubro paź października "
    "październik окт октября октябрь říjen října október octombrie ekim eki жов жовтня "
    "жовтень lokakuu lokakuuta oktoober oktobris oktobrī spalio spalis oktobar oktobra "
    "октобар октомври кастрычніка οκτωβρίου οκτώβριος οκτ אוקטובר באוקטובר أكتوبر اكتوبر "
    "अक्टूबर अक्तूबर অক্টোবর اکتوبر اکتبر ตุลาคม ต.ค oktubre oktoba urria tetor oktyabr "
    "oktabr қазан ოქტომბერი հոկտեմբեր հոկտեմբերի októbra hydref ኦክቶበር",
    "nov november novembre noviembre novembro listopada ноя нояб ноября ноябрь listopadu "
    "noiembrie kasım kas лис листопада листопад marraskuu marraskuuta novembris novembrī "
    "lapkričio lapkritis studenoga studeni novembar novembra новембар ноември ноем "
    "лістапада νοεμβρίου νοέμβριος νοε נובמבר בנובמבר نوفمبر نونبر नवंबर नवम्बर নভেম্বর "
    "نومبر نوامبر พฤศจิกายน พ.ย nop nopember nobyembre novemba nóvember azaroa nëntor "
    "noyabr қараша ნოემბერი նոյեմբեր նոյեմբերի tachwedd ኖቬምበር",
    "dec december dez dezember déc décembre dic diciembre dicembre dezembro des desember "
    "gru grudnia grudzień дек декабря декабрь prosinec prosince decembrie aralık ara гру "
    "грудня грудень joulukuu joulukuuta detsember decembris decembrī gruodžio gruodis "
    "prosinca prosinac decembar decembra децембар декември снежня δεκεμβρίου δεκέμβριος "
    "δεκ דצמבר בדצמבר ديسمبر دجنبر दिसंबर दिसम्बर ডিসেম্বর دسمبر دسامبر ธันวาคม ธ.ค "
    "disember dis disyembre desemba desembre abendua dhjetor dekabr желтоқсан დეკემბერი "
    "դեկտեմբեր դեկտեմբերի rhagfyr ዲሴምበር",
)
MONTH_NUMBERS = {
    name: number for number, names in enumerate(MONTHS, 1) for name in dict.fromkeys(names.split())
}
# Behind a day that is counted: 1er mai, 15th of May, March 3rd 2024.
ORDINALS = ("st", "nd", "rd", "th", "er", "º", "ª")
ORDINAL_DAY = rf"(?i)(^|[^0-9])([0-9]{{1,2}})(?:{'|'.join(ORDINALS)})(?: of)?([ ,])"
