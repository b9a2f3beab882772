"""What words are about, in some fifty subjects: an advert filter learnt from few texts needs it.

A filter that has seen ``earrings, $24`` in its examples cannot know ``necklace`` or ``кольцо``;
that all of them are worn and sold it can be told.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from engine.text.english import stem

# English words as typed (they are stemmed below), Russian lemmas with `е` for `ё`; words that
# the dictionary does not hold, and forms that mean something of their own, as typed.
_WORDS: Final[Mapping[str, str]] = {
    "colour": (
        "beige black blue bronze brown burgundy coral cream gold golden gray green grey ivory "
        "khaki lilac maroon mint navy pink purple red rose silver tan teal turquoise white "
        "бежевый белый бордовый голубой желтый зеленый золотой изумрудный коричневый красный "
        "молочный пудровый розовый серебристый серый синий фиолетовый хаки черный"
    ),
    "material": (
        "acrylic aluminium aluminum bamboo brass canvas cashmere ceramic copper cotton crystal "
        "denim faux fleece foam fur glass lace leather linen memory nylon oak pine plastic plated "
        "polyester porcelain resin rubber satin silicone silk stainless steel sterling suede "
        "velvet wood wooden wool бархат бязь вискоза дерево джинсовый дуб замша керамика кожа "
        "кожаный латунь лен липа льняной металл мех муслин натуральный нержавейка пвх пластик "
        "серебро сосна трикотаж футер хлопок хрусталь шелк шерсть эко"
    ),
    "worn": (
        "abaya anorak apron backpack bag bandana beanie belt beret bib bikini blazer blouse "
        "blouses boot bra brogue camisole cap capri cardigan cargo chinos clog clutch coat "
        "costume crossbody cufflinks culottes dress dresses duffel dungarees earmuffs fedora "
        "flats glove gown handbag hat headband heel henley hijab hoodie jacket jeans joggers "
        "jumper keychain kimono kurti lanyard legging lehenga lingerie loafer luggage mask mitten "
        "moccasin mule onesie overalls pajamas pants parka pashmina polo pump purse pyjamas "
        "raincoat romper sandal saree sari satchel scarf shawl shirt shoe shorts skirt slipper "
        "slippers sneaker sock stiletto stockings suit suitcase sunglasses sweater sweatpants "
        "sweatshirt swimsuit tee tie tights top tote tracksuit trainer trousers tshirt tunic "
        "uniform vest waistcoat wallet wedge wellies wellington wig windcheater балетки белье "
        "берет блуза блузка боди босоножка ботинок бриджи брюки валенок варежка ветровка "
        "водолазка галстук джемпер джинсы дубленка жилет кардиган клатч ключница колготки колготы "
        "комбинезон костюм кошелек кроссовок купальник купальный куртка майка мокасин носки носок "
        "очки палантин пальто панама парка перчатка пиджак пижама плавка платок платье плащ "
        "портмоне пуловер пуховик ремень рубашка рюкзак сандалия сапог сарафан свитер свитшот "
        "сланцы сорочка сумка тапок тренч туфля угги форма форменный футболка халат худи чемодан "
        "чулок шапка шарф шопер шорты шуба юбка"
    ),
    "jewel": (
        "amethyst anklet bangle bead bracelet brooch charm choker ct diamond earring emerald "
        "engagement gemstone jewellery jewelry karat labradorite locket necklace opal pearl "
        "pendant quartz rhinestone ring ruby sapphire stud turquoise watch zirconia бирюза "
        "браслет бриллиант брошь бусы жемчуг камень колье кольцо кулон подвеска серьга украшение "
        "цепочка часы янтарь"
    ),
    "device": (
        "adapter airpods alexa amplifier android battery blender bluetooth cable camera cartridge "
        "cassette charger chromebook chromecast compressor console controller dashcam doorbell "
        "drill drone dryer earbuds earpiece echo fitbit fridge fryer galaxy gamepad generator "
        "gopro gpu grill grinder hdd hdmi headphones headset heater hoover htc huawei humidifier "
        "ink ipad iphone iphones joystick juicer kettle keyboard kindle laptop lcd led lens "
        "macbook microsd microwave mixer modem monitor motherboard motorola mouse mower nintendo "
        "nokia oneplus phone pixel playstation powerbank pressure printer processor projector ps3 "
        "ps4 ps5 purifier ram roku router samsung saw smartphone smartwatch smoker soundbar "
        "speaker ssd subwoofer tablet thermostat thinkpad toaster toner trimmer tripod turntable "
        "tv usb vacuum vinyl washer webcam wifi wireless xbox xiaomi айфон акб аккумулятор "
        "блендер болгарка видеокарта генератор джойстик диктофон дрель зарядка кабель камера "
        "картридж клавиатура колонка кондиционер микроволновка миксер монитор мультиварка мышь "
        "наушник ноутбук обогреватель объектив пауэрбанк перфоратор планшет плита принтер "
        "приставка процессор пылесос робот самсунг смартфон стекло стиралка сяоми телевизор "
        "телефон триммер увлажнитель утюг фен холодильник хуавей чайник чехол шуруповерт эпилятор"
    ),
    "part": (
        "adapter alternator assembly belt bolt bracket brake bulb bumper case clutch compatible "
        "cover exhaust filter fit gasket genuine harness headlight holder hose kit lever mirror "
        "mount oem pad part plug pump radiator replacement rim screw spare spark tire tyre wheel "
        "wiper бампер двигатель диск запчасть колесо колодка комплект кпп литье масло резина "
        "тормозной фара фильтр шина шип"
    ),
    "car": (
        "audi bmw chevrolet chevy convertible coupe dodge ferrari ford harley honda hyundai jeep "
        "kawasaki kia lexus mazda mercedes mileage motorcycle mpg nissan porsche scooter sedan "
        "subaru suv suzuki tesla toyota truck van volkswagen vw yamaha авто автомобиль ауди бмв "
        "ваз газель гв гранта камри киа лада мерседес мотоцикл ниссан приора пробег рено скутер "
        "солярис тойота хендай хозяин"
    ),
    "brand": (
        "adidas asus avon barbie bosch burberry canon carhartt casio chanel coach columbia "
        "converse dell dior disney dyson funko gucci herbalife hermes hp ikea lego lenovo levi "
        "levis marvel nike nikon oriflame pandora pokemon prada puma rolex sony superdry tiffany "
        "topshop vans versace zara адидас найк орифлейм фаберлик эйвон"
    ),
    "home": (
        "armchair basket bathroom bauble bed bedding bench bin blanket blind bookcase bookshelf "
        "bottle bowl bunk cabinet candle canvas carpet chair chandelier clock coaster comforter "
        "container cot couch crib cup curtain cushion cutlery decal decor desk doormat drawer "
        "dresser duvet duvets figurine flask flooring fork frame furniture garden gazebo gnome "
        "hammock hanger headboard highchair hook hose jar kitchen knife ladder lamp lantern light "
        "magnet mattress mug mural nightstand organiser organizer ornament ottoman paint pan "
        "parasol pillow planter plate platter pool poster pot pots pram print pushchair quilt "
        "rack recliner rug sconce sculpture set shelf shelving skillet sofa spoon sprinkler "
        "sticker stocking stool stroller swing table tablecloth tapestry tarp teapot tent throw "
        "tile tinsel towel trampoline tray tumbler vase wallpaper wardrobe wok wreath автокресло "
        "банкетка бассейн батут бокал вешалка гирлянда дверь диван карниз кастрюля качели ковер "
        "колыбель коляска комод контейнер корзина кресло кровать кружка кухня ламинат лампа "
        "люстра мангал манеж матрас мебель наматрасник нож обои одеяло окно органайзер палатка "
        "плед плитка подушка покрывало полка полотенце посуда потолок пуф салфетка светильник "
        "свеча сервиз скатерть сковорода сковородка стеллаж стенка стол стул тарелка теплица "
        "теплый торшер тумба тюль ходунок чашка шезлонг шкаф штора"
    ),
    "craft": (
        "acrylic action antique applique art assortment banknote beaded bohemian boho bundle "
        "cards chic coin collectible collection collector's commission commissions crochet custom "
        "deck deco diecast diy doll drawing ebay edition edwardian embroidered engraved estate "
        "etsymntt fabric farmhouse figure figures figurine funko game gothic gundam hand "
        "handcrafted handmade kit knit knitted limited lithograph macrame medal mid-century "
        "militaria minimalist model nouveau ooak original painted pattern personalised "
        "personalized plush puzzle quilted rare replica reproduction retro rustic scale scrapbook "
        "sewing shabby signed stamp steampunk stencil toy toys trading victorian vintage "
        "watercolor watercolour yarn авторский антиквариат антикварный винтаж винтажный вышивка "
        "вязаный гравировка единственный значок игрушка именной коллекционный конструктор кукла "
        "марка модель монета набор отрез пазл пряжа работа раритет ручной статуэтка ткань фарфор "
        "фурнитура экземпляр"
    ),
    "size": (
        "adult baby boys fits girls infant kids ladies large medium mens newborn petite plus size "
        "sizes small sz toddler unisex womens xl xs xxl xxxl youth детский длина женский мужской "
        "оверсайз подростковый размер размерный рост унисекс ширина"
    ),
    "unit": (
        "bulk cm ctw ft gal gb hz inch inches kg lb lbs lot lumens mah mb ml mm mp mpg oz pack "
        "pair pc pcs piece sq sqft tb volt watt yd банка гб гр квм кг комплект коробка куб литр "
        "лот метр мешок мл мм набор пара пачка погонный см сотка упаковка шт штука"
    ),
    "condition": (
        "authentic bnib bnwt boxed brand certified condition excellent genuine guarantee instock "
        "mint new nib nwt oem original preloved refurbished sealed stock tags unopened used "
        "vintage warranty worn бирка бу гарантия идеальный наличие новый оригинал отличный "
        "подлинный рабочий реплика состояние упаковка царапина"
    ),
    "sale": (
        "affordable apr availability available bargain bargains best-selling bestseller bogo "
        "bundle cashback chance cheap cheapest clearance code combo coupon deal deals deluxe "
        "discount dispatch each ends exclusive finance firm free freebies from gift half hurry "
        "installments instalments instock interest-free just last limited lowest markdown msrp "
        "negotiable nett now off offer only package per popular pre-order price priced prices "
        "promo promocode rate rates rebate redeem reduced reg restock restocked rrp sale sales "
        "save savings special starting starts steal stocks trending unbeatable voucher was "
        "wholesale worldwide акция безнал бесплатно бесплатный бонус выгода выгодно выгодный "
        "дешево дешевый договорный кешбек кешбэк купон кэшбек кэшбэк ликвидация лимитировать "
        "минус нал недорого новинка ограничить опт оптовый оптом остаток подарок последний прайс "
        "предложение промокод распродажа рассрочка розница розничный скидка снизить "
        "спецпредложение стоимость топ торг торопиться уместный успеть хит цена эксклюзив"
    ),
    "sell": (
        "aliexpress amazon auction basket bid bidding buy cart cashapp checkout cod deliver "
        "delivery depop deposit ebay etsy invoice listed listing mercari nego obo ono order ozon "
        "paypal pickup poshmark postage posted preorder purchase redbubble sell seller selling "
        "shein ship shipped shipping shop shopee sold store venmo walmart wb wildberries zazzle "
        "авито алиэкспресс артикул ассортимент бронь вайлдберриз вб выкуп доставить доставка "
        "завоз заказ заказать заказывать каталог купить куплю магазин меняю обмен озон оплата "
        "отдать отправить отправка пересылка покупать покупка поступление почта предоплата "
        "продавать продаваться продажа продать самовывоз сдэк скупка торг шоурум"
    ),
    "reach": (
        "apply appointment below bio book booking call click consultation contact dm email "
        "enquire enquiries estimate hmu inbox inquire link message online pm quote register "
        "reserve site tap text visit wa website whatsapp администратор бронирование вайбер ватсап "
        "вотсап директ жать жми забронировать записаться записываться запись заходить заявка "
        "звоните звонить комментарий консультация личка лс менеджер написать обращаться оставить "
        "переходить писать пишите подробность позвонить профиль сайт ссылка тг тел телеграм "
        "телефон шапка"
    ),
    "us": (
        "certified client clients collection customer customers expert family-run insured "
        "licensed local menu our professional quality range service services specialist team "
        "trusted us we ассортимент гость договор качество клиент коллекция компания мастер "
        "мастерская меню мы наш опыт покупатель салон сертификат специалист стаж студия"
    ),
    "invite": (
        "book boost claim come discover enjoy experience explore find get grab introducing join "
        "learn meet pop protect start stop switch transform treat try unlock upgrade visit "
        "встречать выбирать ждать забирать открыться подобрать получить попробовать предлагать "
        "приглашать присоединяться приходить узнать успевать"
    ),
    "venue": (
        "bakery bar boutique brunch cafe clinic club cocktail dealer dealership gym happy hour "
        "lunch menu pizzeria pub reservation restaurant salon showroom spa table банкет баня бар "
        "кальян кафе клиника клуб кофейня пекарня пицца пиццерия ресторан ролл салон сауна спа "
        "стоматология студия суши трц тц фитнес"
    ),
    "service": (
        "accountant acrylic acupuncture adviser advisor arborist assignment attorney babysitter "
        "balayage barber boarding boiler bookkeeping branding broker brows builder builders "
        "carpenter caterer catering childcare chiropractor cleaner cleaning conversion copywriter "
        "courier daycare decorating decorator dental dentist design detailing dissertation dj "
        "driveway drone editing electrician essay extension exterminator fencing fitted florist "
        "gel glazing grooming gutter hair haircut handyman hauling heating hosting hvac "
        "immigration implants inspection installation insulation insurance ironing joiner kennel "
        "landscaper landscaping lashes laundry lawn lawyer lesson locksmith loft logo makeup "
        "manicure massage mechanic movers nails nanny notary optician orthodontic paving payroll "
        "pedicure pest photographer photography physiotherapy plasterer plumber plumbing printing "
        "recovery removal removals repair repairs roofing scaffolding seo skip solicitor storage "
        "survey tax towing translation tuition tutor valeting vet veterinary videographer visa "
        "voiceover waxing website wedding windows writing аниматор ателье балкон банкротство "
        "баннер барбер бровь бурение бухгалтерия ведущий визажист визитка ворота вскрытие вывоз "
        "выгул гадание грузоперевозка грузчик груминг демонтаж забор замер замок каско клининг "
        "колорист косметолог коуч кровля крыша ламинирование логопед лоджия макияж маникюр массаж "
        "мастер монтаж навес наклейка наращивание натяжной нотариус няня окно окрашивание осаго "
        "отделка парикмахер педикюр перевод перевозка передержка перманентный печать полиграфия "
        "пошив прическа психолог расклад ремонт репетитор ресница сайт сантехник сварка сварщик "
        "септик сиделка спецтехника стилист страховка стрижка тамада таргет таро тату тренер "
        "уборка установка утепление фасад фотограф фотосессия фундамент химчистка чистка шугаринг "
        "эвакуатор экскаватор электрик эпиляция юрист"
    ),
    "property": (
        "acre apartment bath bed bedroom condo cottage duplex estate flat home house landlord "
        "lease let letting listing mortgage pcm plot property pw realestate realtor rent rental "
        "sqft studio sublet tenant villa аренда гараж дача двушка дом жк залог застройщик ипотека "
        "квартира комиссия комната коттедж мебель метро новостройка однокомнатный однушка офис "
        "помещение посуточно сдавать сдаваться сдать сниму снять собственник студия участок "
        "хозяин этаж"
    ),
    "job": (
        "accounting administrator analyst applicant apply assistant associate barista bartender "
        "benefits candidate career cashier cdl chef cleaner clerk consultant contract cook "
        "coordinator cv dentist developer director driver electrician engineer experience finance "
        "forklift fulltime healthcare hgv hiring hospitality hostess hourly housekeeper hr intern "
        "janitor job jobs labourer manager mechanic nanny nurse nursing officer onsite operative "
        "overtime parttime pension perks permanent pharmacist physician plumber position "
        "receptionist recruit recruiter recruiting recruitment remote representative required "
        "resume retail salary sales secretary server shift specialist supervisor teacher "
        "technician temporary therapist trucker tutor vacancy wage wages waiter waitress wanted "
        "warehouse welder wfh администратор бармен бригада бухгалтер вакансия вахта вахтовый "
        "водитель врач выплата график грузчик дизайнер доход зарплата зп кассир кладовщик "
        "комплектовщик кондитер курьер маляр маркетолог медсестра менеджер мойщица монтажник няня "
        "обязанность оклад оператор отдел официант оформление охранник питание повар подработка "
        "подрядчик программист продавец проживание работа разнорабочий разработчик резюме "
        "самозанятость сантехник сварщик смена смм собеседование сотрудник соцпакет стажировка "
        "требоваться требуются трудоустройство уборщица удаленка удаленный упаковщик учитель "
        "фасовщик швея штукатур электрик"
    ),
    "travel": (
        "airbnb airport algarve antalya bali beachfront bnb cabin campervan campsite cancun "
        "cappadocia chalet charter cruise departs departure diving dubai excursion ferry flight "
        "flights getaway guesthouse guided holiday honeymoon hostel hotel inclusive itinerary "
        "lodge maldives marbella motorhome nights oceanfront package phuket resort return "
        "riverside safari sailing santorini seaside ski skiing snorkel spa tenerife tour tours "
        "transfer trek trekking trip vacation villa visa yacht абхазия авиабилет автобус адлер "
        "алтай анапа армения байкал бали всевключено выезд вылет вьетнам геленджик гид горящий "
        "гостиница грузия дагестан дубай египет завтрак кавказ казань калининград карелия круиз "
        "мальдивы маршрут минивэн ночь отдых отель перелет питер путевка пхукет санкт-петербург "
        "сочи сплав таиланд трансфер тур туризм турция хостел экскурсия эльбрус"
    ),
    "event": (
        "admission concert conference doors entry event expo festival gig guestlist lineup live "
        "masterclass night party presale retreat rsvp seats show standing ticket tickets tour vip "
        "webinar workshop афиша билет вебинар вечеринка вход касса квиз концерт марафон "
        "мастеркласс премьера регистрация спектакль стендап столик сцена фестиваль ярмарка"
    ),
    "course": (
        "academy bootcamp certificate certified class classes coach coaching course courses "
        "diploma ebook enrol enroll exam guide mba mentorship template training webinar автошкола "
        "вебинар гайд группа егэ занятие интенсив курс марафон набор наставник наставничество "
        "научить обучать обучение огэ онлайн поток пробный урок чеклист школа"
    ),
    "win": (
        "chance competition contest enter entry freebie giveaway prize prizes raffle sweepstakes "
        "win winner выиграть выигрыш гив дарить итог конкурс победитель подарить приз разыгрывать "
        "рандом розыгрыш условие участвовать участие"
    ),
    "follow": (
        "backup f4f follow followback follower followers following gain l4l like likes mention "
        "mutuals notification retweet rt share shoutout subscribe subscriber tag бот взаимно "
        "взаимный вступать вступить группа добавить добавляться канал лайк накрутка паблик пиар "
        "подписаться подписка подписчик подписываться раскрутка реклама репост"
    ),
    "stream": (
        "album amreading author beats book download ebook ep itunes kickstarter kindle listen "
        "mixtape novel paperback podcast preorder prod review romance series single soundcloud "
        "spotify stars stream subscribe thriller track twitch video youtube альбом бит плейлист "
        "подкаст подписываться приложение сингл скачать скачивать слушать трек"
    ),
    "bet": (
        "acca bet bets betting bingo blackjack bonus casino deposit jackpot lottery odds poker "
        "roulette slot slots spins tips tipster vip win бк букмекер вывод депозит джекпот "
        "договорный казино капер коэффициент кф покер прогноз проходимость слот ставка тотал "
        "фрибет фриспин экспресс"
    ),
    "money": (
        "airdrop apr bitcoin btc cash credit crypto debt earn earning eth forex income invest "
        "investment investor loan loans mining nft passive payday profit refinance signals token "
        "trader trading usdt wallet банкротство биткоин вклад вложение дебетовый долг доход заем "
        "зарабатывать заработать заработок инвестировать инвестиция карта кошелек кредит "
        "кредитный крипта криптовалюта майнинг прибыль процент сигнал токен форекс"
    ),
    "adult": (
        "babe cam cams dating escort fetish horny hot incall milf naked nsfw nude nudes onlyfans "
        "outcall porn sex sexy singles snap xxx вирт девочка досуг знакомство индивидуалка интим "
        "приват приватный секс содержанка спонсор эротический"
    ),
    "health": (
        "acne anti-aging ashwagandha balm botox burner cbd cleanse cleanser collagen cologne "
        "concealer conditioner cream cure deodorant detox diet dieting edp edt exfoliant eyeliner "
        "eyeshadow facial fat filler foundation fragrance gummies herbal keto lipstick loss "
        "lotion mascara mask moisturiser moisturizer muscle omega palette perfume pills probiotic "
        "protein remedy scrub serum shampoo skin slim slimmer slimming soap sunscreen supplement "
        "supplements toner toothpaste trainer turmeric vitamins waist weight whitening wrinkles "
        "бад бальзам ботокс витамин дезодорант диета духи капля кератин кожа коллаген крем "
        "лечение лечить маска мыло палетка парфюм патч помада похудение скраб стройность сустав "
        "сыворотка тональный тоник туалетный тушь уход филлер худеть целлюлит шампунь"
    ),
    "software": (
        "agency ai app automation b2b brand business chatbot crm demo funnel leads marketing "
        "platform saas seo smm software startup template traffic trial whitepaper бизнес воронка "
        "лид нейросеть охват продвижение смм таргетолог"
    ),
    "supply": (
        "bulk catalogue equipment export factory industrial machine manufacturer supplier supply "
        "wholesale бетон брус вагонка доска дрова завод кирпич корм котенок оптовый порода "
        "поставка поставщик привит производитель производство рассада саженец семя склад цемент "
        "щенок"
    ),
    "food": (
        "ale bacon bagel bbq beer breakfast brownie buffet burger burrito cake cakes champagne "
        "cheese chicken chocolate chowder cocktail coffee cookie croissant cupcake curry dessert "
        "donut doughnut eggs gelato gin honey jam juice kebab lager lobster milk muffin noodle "
        "oyster pancake pie pizza porter prosecco ramen ribs roast sandwich sausage smoothie "
        "steak stout sushi taco tacos tapas tea vodka waffle whisky wine wings арбуз блин варение "
        "выпечка десерт донер икра картофель картошка клубника колбаса кофе креветка круассан мед "
        "мороженое мясо овощ огурец омуль пельмень пирог плов помидор пончик рыба сосиска сыр "
        "сырник творог торт форель фрукт хачапури хинкали чай шаурма шашлык яблоко ягода яйцо"
    ),
    "news": (
        "abducted abuse airstrike arrested assault attack authorities avalanche bail blast blaze "
        "bomb bomber breaking bribery burglary casualties charged collapse coroner corruption "
        "court covid crash custody dead derailed drone drought earthquake ebola evacuated "
        "explosion fire flood footage fraud gunman headline hijacked homicide hostage hurricane "
        "injured inmate inquest inquiry investigation jailed journalist judge jury kidnapped "
        "killed landslide lawsuit militants missile missing mourners murder murdered officials "
        "outbreak pandemic police prison probe quake quarantine raid rape rebels reporter rescue "
        "rescued robbery scandal seized sentenced shooting smuggling stabbed stabbing storm sued "
        "sues survivors suspect terror terrorist toll tornado trafficking trial tsunami update "
        "vaccine verdict victims virus wildfire witnesses авария арест арестовать беспилотник "
        "вакцина взрыв взятка вирус грабеж дтп жертва задержать заложник землетрясение карантин "
        "ковид колония коронавирус коррупция кража мошенник мчс наводнение наезд обвиняемый "
        "обстрел обыск ограбить оползень очевидец паводок погибнуть погибший подозревать пожар "
        "полиция пострадать преступник приговор приговорить прокуратура пропасть ракета сгореть "
        "скандал следователь следствие спасатель суд теракт убийство уголовный ураган утонуть "
        "эвакуация эвакуировать"
    ),
    "state": (
        "abortion afghanistan africa ambassador america american army asylum austerity ballot "
        "bernie bill border brexit britain british budget campaign canada capitalism carbon "
        "ceasefire china citizenship climate clinton communist congress congressman conservative "
        "constituency council coup debate dem democracy democrat deportation dictator diplomat "
        "education egypt election embassy emissions equality eu europe european feminism feminist "
        "fracking france freedom french gaza german germany government governor greece gun guns "
        "healthcare hillary immigrant immigration india iran iraq isis israel japan kenya korea "
        "labour law lawmakers legislation lib liberal march mayor merkel mexico migrants minister "
        "mp mps nato nhs nigeria nra obama obamacare pakistan palestine parliament policy poll "
        "president protest protesters putin racism racist rally referendum refugees regime "
        "republican rights russia sanctions secretary senate senator snp socialism strike summit "
        "syria tax taxes tories tory treaty troops trump turkey uk ukip ukraine un union usa vote "
        "voters war welfare администрация америка армения армия афганистан беженец беларусь "
        "белоруссия власть война выборы германия госдума гражданство граница губернатор депутат "
        "дипломат европа единоросс закон законопроект израиль иран казахстан китай кремль крым "
        "мигрант министр минобороны митинг мэр налог оппозиция парламент партия пенсия переговоры "
        "посол пошлина правительство президент протест путин реформа россия санкция сирия сша "
        "трамп турция украина франция чиновник"
    ),
    "said": (
        "according analysis announced announces calls claimed claims confirmed confirms denied "
        "denies experts interview opinion reported reports research researchers revealed reveals "
        "said says scientists sources study survey told urges warned warns аналитик данные "
        "заявить интервью исследование назвать объявить опрос отметить подтвердить пояснить "
        "предупредить рассказать росстат сообщать сообщить ученый эксперт"
    ),
    "market": (
        "bank bankruptcy billion ceo dow economy fed fined gdp index inflation investors layoffs "
        "merger million nasdaq profit profits quarter rates recall regulator revenue shares stock "
        "stocks акция баррель биржа бюджет вырасти газ газпром доллар евро инфляция компания курс "
        "миллиард млн млрд нефть подорожать рост рубль сбербанк снизиться упасть цб центробанк "
        "экономика яндекс"
    ),
    "sport": (
        "baseball basketball batsman beat bout bowler boxing champion champions championship "
        "coach cricket cup curry defeat defender derby djokovic draft dunk f1 federer fifa final "
        "finals football freekick fumble game goal goalkeeper goals golf hamilton hattrick header "
        "hockey inning innings ironman keeper knockout kobe lap league lebron lineup manager "
        "marathon match medal messi midfielder mlb motogp nadal nascar nba neymar nfl nhl offside "
        "olympic olympics overtime parkrun pb penalty player playoff playoffs points promotion "
        "quarterback race rebound ref referee refs relay relegation ronaldo rookie rooney rossi "
        "roster rugby score season semi serena skate skating snowboard soccer sprint squad "
        "standings striker substitution surfing team tennis touchdown transfer triathlon uefa ufc "
        "var vettel wicket wimbledon win winger wins won wwe арбитр биатлон бокс болельщик болеть "
        "буллит вратарь гол гонка дзюдо динамо забег защитник зенит команда кубок лига лыжник "
        "марафон матч медаль нападающий нокаут обыграть овертайм олимпиада пенальти плейофф "
        "победа полузащитник проиграть самбо сборная спартак стадион судья счет теннис тренер "
        "трибуна тур турнир фигуристка футбол хоккей цска чемпионат шайба этап"
    ),
    "fandom": (
        "actor actress airport album anime ariana army avengers award backstage belieber bias "
        "billboard binge bts canon cast character chorus comeback comic concert cosplay "
        "directioner director documentary drummer emmy encore episode exo fan fanart fancam "
        "fandom fanfic fans fansign finale grammy guitar harry hbo hero hiatus hogwarts justin "
        "kpop liam louis lyrics manga marvel mosh mtv netflix niall oppa oscar otp potter "
        "premiere prequel remake season selca selfie sequel setlist sherlock ship song soundtrack "
        "spoiler spoilers stage stan supernatural swiftie tardis taylor teaser thrones trailer "
        "verse villain vocalist vote voting westeros whovian zayn айдол актер альбом аниме гитара "
        "группа дорама камбэк кино клип концерт концовка косплей манга мультик мультфильм "
        "персонаж песня припев режиссер роль сезон сериал серия солист спойлер трейлер фанат "
        "фанатка фанфик фильм"
    ),
    "feel": (
        "adorable afraid amazing angry annoyed anxiety anxious ashamed awesome awkward beautiful "
        "blessed bored brave broken confused creepy cried cry crying cute dead depressed "
        "depression devastated disappointed disgusting dying embarrassed empty excited exhausted "
        "feel feeling feelings furious gorgeous grateful gross guilty happy hate headache heart "
        "heartbroken hope hopeless hungover hurt incredible jealous kind laugh loneliness lonely "
        "lost love lovely mad miss nervous numb obsessed panic perfect proud rage sad scared "
        "scary screaming sick smile sobbing sorry soul strong sweet tears terrified thankful "
        "tired weak wish worried worry бесить боль больно бояться гордиться горжусь грустно "
        "грустный депрессия душа жаль замечательный злиться злой кошмар красиво красота любить "
        "милый настроение ненавидеть обида обидно обнимать одинокий одиночество плакать плохо "
        "прекрасный радоваться радость раздражать ревность сердце скучать слеза смешно смеяться "
        "страшно стыдно счастливый счастье тревога ужас улыбаться улыбка усталый устать хорошо "
        "хотеться чудесный"
    ),
    "kin": (
        "aunt baby boss boyfriend brother cousin dad daughter family father friend friends "
        "girlfriend grandma grandpa husband kid kids mom mother mum nan neighbor neighbour nephew "
        "niece roommate sister son teacher uncle wife бабушка брат внук внучка дед дедушка дочка "
        "дочь друг жена мама мать муж начальник отец папа подруга прадед ребенок свекровь семья "
        "сестра сосед соседка сын теща учитель учительница"
    ),
    "pet": (
        "bear bee bird cat deer dog dragon fox hamster heron horse kitten owl puppy whale белка "
        "гусь еж кот котенок кошка лиса лось медведь пес птица собака чайка щенок"
    ),
    "nature": (
        "autumn beach cloud field flower fog forest garden lake mist moon mountain ocean rain "
        "river sea sky snow spring star stars storm summer sun sunrise sunset temperature tree "
        "weather wind winter весна ветер гора градус гроза дерево дождь закат звезда зима лес "
        "лето луна море мороз небо облако озеро осень погода поле рассвет река снег солнце туман "
        "цветок"
    ),
    "daily": (
        "alarm arrived asleep ate awake baked baking bed breakfast bus class commute cooked "
        "cooking couch dinner dishes driving drove eating essay exam exams flew friday hair "
        "hangover holiday home homework kitchen laundry lecture listening lunch meeting monday "
        "morning nap office phone pyjamas read reading saturday school shower sleep sunday supper "
        "teacher thursday today tonight traffic train tuesday walk walked walking watched "
        "watching wednesday weekend woke work yesterday автобус варить вернуться вчера выходной "
        "готовить гулять дача дома ехать завтракать зачет идти испечь каникулы контрольный лекция "
        "обед отпуск пара пирог пойти понедельник посуда приехать прийти пробка проснуться "
        "проспать сегодня сессия слушать смотреть спать стирка ужин ужинать урок уснуть утро "
        "читать школа экзамен электричка"
    ),
    "faith": (
        "allah amen bible blessing buddha christ church faith god jesus lord pray prayer prayers "
        "psalm quran ramadan soul аминь бог вера господь грех молитва молиться храм христос "
        "церковь"
    ),
    "thought": (
        "always become believe change character courage darkness destiny dream dreams fail "
        "failure faith fall fate fear forget forgive forgiveness gratitude growth happiness heart "
        "honesty humble inspire journey joy kindness learn lesson lessons life light mind mistake "
        "never path patience peace people person philosophy quote quotes remember respect rise "
        "silence someone soul strength success teach time trust truth universe wisdom world "
        "благодарность верить время всегда доброта душа жизнь любовь мечта мечтать мир мудрость "
        "надежда никогда ошибка память покой правда прощать прощение путь разум свобода сердце "
        "сила слабость смысл совесть стыд судьба счастье терпение тишина урок человек честь"
    ),
    "grief": (
        "condolences death died funeral memorial passed peace remembering rest rip tribute память "
        "похороны проститься светлый скорбь смерть соболезнование умереть"
    ),
    "charity": (
        "adopt adoption awareness charity donate donation foster fundraiser petition raised "
        "rescue shelter sign volunteer благотворительный волонтер донор передержка петиция "
        "пожертвование помочь помощь приют сбор субботник"
    ),
    "greet": (
        "anniversary birthday congrats congratulations goodnight happy hello morning thank thanks "
        "welcome желать здоровье поздравляем поздравлять праздник привет рождение спасибо "
        "спокойный утро"
    ),
    "question": (
        "anybody anyone could does how should what when where which who why где зачем знать как "
        "какой когда кто нибудь подсказать посоветовать почему сколько что"
    ),
    "past": (
        "ate became began bought broke came did fell felt forgot found gave got had heard knew "
        "left lost made met ran said sat saw spent stood thought told took was went were woke "
        "wrote"
    ),
    "chat": (
        "actually ahaha cant dont gonna haha honestly idk im literally lmao lol nah omg smh tbh u "
        "ugh ur wanna wtf yeah ага ахах блин вообще короче кстати лол ну"
    ),
}


@functools.cache
def _table() -> Mapping[str, tuple[str, ...]]:
    table: dict[str, set[str]] = {}
    for subject, words in _WORDS.items():
        for word in words.split():
            table.setdefault(word, set()).add(subject)
            if word.isascii():
                table.setdefault(stem(word), set()).add(subject)
    return MappingProxyType({word: tuple(sorted(subjects)) for word, subjects in table.items()})


def subjects_of(key: str) -> tuple[str, ...]:
    """Tell what a word is about; mostly nothing that is known here.

    Parameters
    ----------
    key
        A word in lower case, an English stem or a Russian lemma with ``е`` for ``ё``.
    """
    return _table().get(key, ())
