# ruff: noqa: E501  (tables of words: one line is one column of a kind)
"""What people write under such photos: words of each kind of scene, and sentences from them.

Each kind has names of the scene, details, moods and hashtags in English and Russian. A text takes
one sentence pattern and fills it with the kind's own words, so no two posts read alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Words:
    """One language's words for one kind of scene.

    Attributes
    ----------
    scenes
        What is in the photo, with its details: phrases that can begin a sentence.
    details
        Sentences about the place, the light, the season.
    moods
        What one thinks or does there: short sentences.
    tags
        Hashtags without ``#``.
    """

    scenes: tuple[str, ...]
    details: tuple[str, ...]
    moods: tuple[str, ...]
    tags: tuple[str, ...]


def _words(scenes: str, details: str, moods: str, tags: str) -> Words:
    return Words(
        tuple(scenes.split("|")),
        tuple(details.split("|")),
        tuple(moods.split("|")),
        tuple(tags.split()),
    )


ENGLISH: dict[str, Words] = {
    "sunset-sea": _words(
        "Sunset over the calm sea|Golden evening light on the ocean|The sun sinks into the sea|A red sky above the water",
        "The sun left a path of gold on the waves|The horizon burns orange and pink|A sailing boat passed just as the sun went down|Clouds turned purple above the sea",
        "I could watch the waves for hours|Best seat in the house: a warm stone by the water|Another day ends quietly|Salt air and no plans",
        "sunset sea sky evening ocean",
    ),
    "tropical-beach": _words(
        "A tropical beach with palms|White sand and turquoise water|Palm trees lean over the beach|A lagoon as clear as glass",
        "The water is warm and the sand is soft|Small waves run up the white sand|Coconut palms give the only shade|An island lies on the horizon",
        "Left my shoes at home on purpose|Vacation mode is on|Swam all morning, slept all afternoon|Barefoot for a week",
        "beach palm sea summer travel",
    ),
    "harbour": _words(
        "Boats in the old harbour|Painted houses along the harbour|Yachts at their moorings|A fishing harbour in the morning",
        "Masts and coloured houses mirror in the water|Fishermen mend their nets on the quay|Every house on the quay has its own colour|The boats rock and the ropes creak",
        "Had coffee on the quay and counted boats|I would move here tomorrow|Walked the pier twice, just because|Gulls stole half of my sandwich",
        "harbour boats town sea travel",
    ),
    "lighthouse-storm": _words(
        "A lighthouse in the storm|Waves break on the rock below the lighthouse|Storm at the lighthouse|The lighthouse beam cuts through the rain",
        "Foam flies over the black rocks|The sea is grey and loud|The lamp turns on while the wind howls|Rain goes sideways tonight",
        "Glad to be on land|The keeper must be used to this|Hold on to your hat|Sounds like the end of the world, looks wonderful",
        "lighthouse storm sea waves rain",
    ),
    "waterfall": _words(
        "A waterfall between mossy rocks|White water falls into a green pool|Waterfall in the gorge|A hidden waterfall in the forest",
        "Moss and ferns cover the wet stones|Mist rises from the pool|The water is ice cold and clear|You hear the falls long before you see them",
        "Worth every step of the climb|Dipped my feet in and regretted it|Loud and peaceful at once|Bring a rain jacket, even on sunny days",
        "waterfall nature rocks hiking water",
    ),
    "coral-reef": _words(
        "A coral reef full of fish|Under water at the reef|Bright corals and a school of fish|Diving above the coral reef",
        "Sunbeams fall through the blue water|Yellow fish swim between the corals|Every colour lives down here|Visibility was thirty metres today",
        "I forgot to breathe for a moment|Second dive of the trip, best one yet|The fish were more curious than I was|A different planet, twenty metres down",
        "reef diving underwater fish coral",
    ),
    "icebergs": _words(
        "Icebergs on a still sea|Blue ice in the bay|Icebergs drift past the coast|A cold sea and towers of ice",
        "The ice glows blue at the waterline|Floes crack and turn slowly|The icebergs mirror in the dark water|Snow lies on the far mountains",
        "Nothing but silence and ice|Three layers of wool and still cold|The ship slowed down so that all could look|Never felt so small",
        "iceberg ice arctic sea cold",
    ),
    "mountain-lake": _words(
        "Mountains mirrored in a lake|A clear lake below the peaks|Morning at the mountain lake|Peaks, firs and still water",
        "Not a ripple on the lake at dawn|Snow still lies on the peaks|Firs stand along the shore|The water is so clear that you see each stone",
        "Breakfast with this view|The tent stands ten steps from here|Eight kilometres on foot, and all forgotten|Too cold to swim, swam anyway",
        "mountains lake nature hiking reflection",
    ),
    "dunes": _words(
        "Sand dunes in the desert|Golden dunes to the horizon|The wind draws lines in the sand|Evening light on the dunes",
        "Ripples run over the sand|Shadows grow long behind the dunes|A caravan of camels walks along the crest|Nothing here but sand and sky",
        "My footprints were gone in minutes|Sand in the shoes, sand in the camera|The quietest place I know|Climbed the highest dune for this",
        "desert dunes sand travel sun",
    ),
    "canyon": _words(
        "Red rock walls of the canyon|A river far below in the canyon|Layers of stone in the canyon|View from the rim of the canyon",
        "The river took millions of years for this|The rocks glow red in the low sun|Terraces of stone step down to the water|Table mountains stand on the horizon",
        "No photo shows how deep it is|Stayed away from the edge|Two litres of water were not enough|Geology is beautiful",
        "canyon desert rocks river landscape",
    ),
    "river-valley": _words(
        "A river winds through a green valley|Green hills and a slow river|The valley from above|Summer in the river valley",
        "The river bends like a ribbon|Cloud shadows move over the hills|Trees line the bank|Every shade of green is here",
        "Counted nine bends of the river|Next time by canoe|A good place for a long lunch|Somebody down there is fishing",
        "river valley hills green nature",
    ),
    "moon-hills": _words(
        "The full moon over the hills|Moonrise above blue hills|A moonlit night in the hills|The moon and a few stars",
        "Mist lies in the valleys|Hill behind hill, each a paler blue|It is so bright that you see your shadow|An owl calls somewhere in the wood",
        "Could not sleep and was glad of it|Left the torch in the bag|The dog howled, of course|Tea from the flask and no talking",
        "moon night hills sky fog",
    ),
    "snowy-peaks": _words(
        "Snowy peaks in the first light|The high range under fresh snow|Snow and rock above the clouds|A summit morning in the mountains",
        "The first sun touches the summits|Wind blows snow from the ridge|The glacier shines white and blue|Small firs mark the tree line",
        "Got up at three for this|Skis or snowshoes, that is the question|Thin air, thick jacket|The summit can wait until tomorrow",
        "mountains snow peaks winter hiking",
    ),
    "volcano": _words(
        "A volcano erupts at night|Lava runs down the volcano|Glowing lava and a sky of stars|Fire on the mountain",
        "Rivers of lava light up the slope|Sparks fly high above the crater|The smoke glows red from below|The ground trembles a little",
        "We kept our distance, promise|Felt the heat from kilometres away|The earth is alive|Nobody spoke for an hour",
        "volcano lava night fire nature",
    ),
    "rainbow": _words(
        "A rainbow over the hills|After the rain a rainbow|A double rainbow above green fields|Rainbow and dark clouds",
        "The rain has just moved on|The grass is wet and bright|One end stands in the neighbour's field|The sun came out at the right minute",
        "Ran out of the house without a coat|No pot of gold so far|The children counted the colours|Good things come after rain",
        "rainbow rain hills sky nature",
    ),
    "night-city": _words(
        "The night city and its lights|Skyline by the river at night|City lights on the water|Skyscrapers after dark",
        "A thousand windows are lit|The lamps draw long lines on the river|Neon signs flicker between the towers|Red lights blink on the roofs",
        "The city never sleeps, nor do I|Last walk before the last train|Somebody is still working up there|I like this town best at night",
        "city night lights skyline river",
    ),
    "fireworks": _words(
        "Fireworks over the city|A night of fireworks|Colourful fireworks above the river|The fireworks at midnight",
        "Gold and red sparks fall into the river|Everyone came down to the water to watch|The echo rolled between the houses|Smoke drifted through the colours",
        "Happy New Year to all of you|The dog hid under the bed|The finale was the loudest yet|Counted down with strangers and hugged them all",
        "fireworks night city holiday celebration",
    ),
    "northern-lights": _words(
        "Northern lights over the snow|The aurora dances above the firs|Green northern lights|A night under the aurora",
        "Green curtains move across the stars|A touch of purple at the upper edge|Minus twenty and a clear sky|The snow turned green below",
        "Waited four nights for this|Could not feel my fingers and did not care|Words fail, so here is a photo|Set the alarm for two in the morning",
        "aurora northernlights night snow stars",
    ),
    "milky-way": _words(
        "The Milky Way over dark hills|A sky full of stars|Starry night far from the city|The Milky Way above the firs",
        "No lamp for fifty kilometres|A shooting star crossed the picture|The galaxy stands straight up in August|The tent glows below the stars",
        "Made a wish, will not tell|You only need to look up|Lay on the grass until the dew came|Thirty seconds of exposure and some luck",
        "stars milkyway night sky astro",
    ),
    "campfire": _words(
        "A campfire in the forest|Evening at the campfire|Fire, sparks and tall firs|Friends around the fire",
        "Sparks rise into the dark|The logs crackle and the kettle sings|The stones around the fire are warm|Stars come out above the firs",
        "Potatoes from the ashes taste best|One guitar, three songs, all wrong|My jacket will smell of smoke for a week|Nobody looked at a phone",
        "campfire fire camping forest night",
    ),
    "snowy-forest": _words(
        "A snowy forest in winter|Spruces under fresh snow|Winter wood after the snowfall|Snow on every branch",
        "Only a hare has crossed the clearing|Snow falls without a sound|The branches bend under the snow|The light is soft and white",
        "Skis on, phone off|Hot tea tastes better here|Snow up to the knees|The quiet you only get in winter",
        "winter snow forest trees nature",
    ),
    "autumn-park": _words(
        "Autumn in the park|Golden leaves along the alley|The park in October|Red and yellow trees",
        "Leaves rustle under the feet|The bench stands in a sea of leaves|The low sun lights up the trees|Each gust brings down more gold",
        "Scarf weather at last|Collected the most beautiful leaf, again|Walked slowly on purpose|Autumn, please stay a little",
        "autumn park leaves trees fall",
    ),
    "misty-forest": _words(
        "Sunbeams in a misty forest|Morning fog between the trees|Light falls through the wood|A quiet forest at dawn",
        "The sun draws lines through the fog|Dew hangs on the grass|Old trunks stand like columns|Birds were louder than the road",
        "Came for mushrooms, stayed for the light|Breathe in, breathe out|Felt like a fairy tale|Wet shoes, good mood",
        "forest fog morning light trees",
    ),
    "cherry-blossom": _words(
        "Cherry trees in blossom|Pink blossom in the park|Spring under the cherry trees|Petals fall like snow",
        "Petals cover the grass|A whole alley in pink|It lasts one week in the year|Bees are busy in every tree",
        "Picnic below the branches|Petals in my hair, in my bag, in my tea|Spring is here, officially|Took the long way to work",
        "spring blossom cherry pink park",
    ),
    "meadow": _words(
        "A summer meadow in flower|Wild flowers to the horizon|Poppies and daisies in the meadow|Flowers in the tall grass",
        "Grasshoppers sing all day|The grass reaches to my waist|White clouds drift over the hills|It smells of hay and honey",
        "Picked a bunch for grandmother|Lay down and looked at the clouds|Summer, exactly as it should be|Allergic, but it was worth it",
        "meadow flowers summer nature field",
    ),
    "lavender-field": _words(
        "Lavender in bloom|Rows of lavender at sunset|A purple field of lavender|Lavender rows to the hills",
        "The whole valley smells of lavender|The rows meet at the horizon|Bees hum until the sun is down|A farmhouse stands at the end of the rows",
        "Bought soap, of course|Purple is my favourite colour now|Took three hundred photos, here is one|Drove with the windows open",
        "lavender field summer purple flowers",
    ),
    "wheat-field": _words(
        "A field of ripe wheat|Golden wheat under a blue sky|Ears of wheat in the wind|The wheat before the harvest",
        "The wind runs over the field in waves|A track leads into the wheat|Larks sing above the ears|Harvest begins next week",
        "Smells like fresh bread already|Childhood summers looked like this|Stopped the car just to listen|Gold you cannot buy",
        "wheat field summer harvest gold",
    ),
    "rainy-window": _words(
        "Rain on the window|Raindrops on the glass|City lights behind a wet window|A rainy evening at the window",
        "The lamps outside turn into circles|Drops race each other down the pane|It has rained since the morning|Behind the glass the town is a blur",
        "Tea, blanket, book|No reason to go out|Jazz and rain, nothing more|Cancelled all plans with pleasure",
        "rain window evening city cozy",
    ),
    "balloons": _words(
        "Hot-air balloons in the morning sky|Balloons float over the valley|A balloon flight at sunrise|Colourful balloons in the sky",
        "They rise without a sound|From the basket you see the whole valley|Striped and checked balloons, near and far|The burners light up one by one",
        "Got up at four, no regrets|Held on to the basket with both hands|Next year I want to fly one|Waved, and they waved back",
        "balloon sky flight travel morning",
    ),
    "foggy-bridge": _words(
        "A bridge in the fog|The bridge disappears in the mist|Fog over the river and the bridge|Morning mist at the suspension bridge",
        "You cannot see the other bank|Only the towers stand above the fog|Ships sound their horns somewhere below|The cables fade into white",
        "Drove across on trust|The city is hiding today|Grey, but what a grey|Late for work because of this view",
        "bridge fog morning river city",
    ),
    "winter-village": _words(
        "A winter village at dusk|Lit windows in the snow|Cottages under the snow|Christmas evening in the village",
        "Smoke rises straight from the chimneys|The mountains turn blue behind the roofs|Snow squeaks under the boots|Every window is warm and yellow",
        "Someone is baking gingerbread|Sledges wait at every door|I want to knock at each house|The best evening of the year",
        "winter village snow christmas evening",
    ),
    "thunderstorm": _words(
        "Lightning over the plain|A thunderstorm in the evening|Lightning strikes behind the trees|Storm clouds and lightning",
        "The thunder came three seconds later|A curtain of rain moves closer|The clouds light up from inside|For an instant night was day",
        "Counted the seconds like a child|Unplugged everything, watched from the porch|The air smells of ozone|Nature's own fireworks",
        "storm lightning rain sky night",
    ),
}

RUSSIAN: dict[str, Words] = {
    "sunset-sea": _words(
        "Закат над спокойным морем|Золотой вечер у океана|Солнце садится в море|Красное небо над водой",
        "Солнце оставило на волнах золотую дорожку|Горизонт горит оранжевым и розовым|Парус прошёл мимо прямо на закате|Облака над морем стали лиловыми",
        "Могу смотреть на волны часами|Лучшее место — тёплый камень у воды|Тихо закончился ещё один день|Солёный воздух и никаких планов",
        "закат море небо вечер океан",
    ),
    "tropical-beach": _words(
        "Тропический пляж с пальмами|Белый песок и бирюзовая вода|Пальмы склонились над пляжем|Лагуна, прозрачная как стекло",
        "Вода тёплая, песок мягкий|Маленькие волны набегают на белый песок|Тень только под кокосовыми пальмами|На горизонте виден остров",
        "Обувь специально оставил дома|Режим отпуска включён|Всё утро плавали, весь день спали|Неделя босиком",
        "пляж пальмы море лето путешествие",
    ),
    "harbour": _words(
        "Лодки в старой гавани|Цветные дома вдоль набережной|Яхты у причала|Рыбацкая гавань утром",
        "Мачты и пёстрые дома отражаются в воде|Рыбаки чинят сети на причале|У каждого дома на набережной свой цвет|Лодки качаются, скрипят канаты",
        "Пили кофе на набережной и считали лодки|Переехал бы сюда хоть завтра|Прошли по пирсу дважды, просто так|Чайки украли половину бутерброда",
        "гавань лодки город море путешествие",
    ),
    "lighthouse-storm": _words(
        "Маяк в шторм|Волны бьются о скалу под маяком|Шторм у маяка|Луч маяка пробивает дождь",
        "Пена летит через чёрные скалы|Море серое и громкое|Лампа вращается, ветер воет|Дождь сегодня идёт боком",
        "Хорошо, что мы на берегу|Смотритель, наверное, привык|Держите шапки|Звучит как конец света, а выглядит прекрасно",
        "маяк шторм море волны дождь",
    ),
    "waterfall": _words(
        "Водопад среди мшистых скал|Белая вода падает в зелёное озерцо|Водопад в ущелье|Спрятанный в лесу водопад",
        "Мох и папоротник покрыли мокрые камни|Над водой стоит водяная пыль|Вода ледяная и прозрачная|Водопад слышно задолго до того, как его видно",
        "Подъём того стоил|Опустил ноги в воду и пожалел|Шумно и спокойно одновременно|Берите дождевик даже в солнечный день",
        "водопад природа скалы поход вода",
    ),
    "coral-reef": _words(
        "Коралловый риф, полный рыб|Под водой у рифа|Яркие кораллы и стайка рыб|Погружение над коралловым рифом",
        "Лучи солнца проходят сквозь синюю воду|Жёлтые рыбки плавают между кораллами|Здесь внизу живут все цвета|Видимость сегодня тридцать метров",
        "На секунду забыл дышать|Второе погружение, и оно лучшее|Рыбы оказались любопытнее меня|Другая планета на глубине двадцати метров",
        "риф дайвинг подводой рыбы кораллы",
    ),
    "icebergs": _words(
        "Айсберги на тихом море|Голубой лёд в заливе|Айсберги плывут вдоль берега|Холодное море и башни изо льда",
        "У самой воды лёд светится синим|Льдины трещат и медленно поворачиваются|Айсберги отражаются в тёмной воде|На дальних горах лежит снег",
        "Только тишина и лёд|Три свитера, и всё равно холодно|Корабль сбавил ход, чтобы все посмотрели|Никогда не чувствовал себя таким маленьким",
        "айсберг лёд арктика море холод",
    ),
    "mountain-lake": _words(
        "Горы отражаются в озере|Прозрачное озеро под вершинами|Утро на горном озере|Вершины, ели и тихая вода",
        "На рассвете на озере ни ряби|На вершинах ещё лежит снег|Вдоль берега стоят ели|Вода такая чистая, что виден каждый камень",
        "Завтрак с таким видом|Палатка в десяти шагах отсюда|Восемь километров пешком — и всё забыто|Слишком холодно для купания, но мы искупались",
        "горы озеро природа поход отражение",
    ),
    "dunes": _words(
        "Песчаные дюны в пустыне|Золотые дюны до горизонта|Ветер рисует линии на песке|Вечерний свет на дюнах",
        "По песку бежит рябь|За дюнами растут длинные тени|Караван верблюдов идёт по гребню|Здесь только песок и небо",
        "Мои следы исчезли за пару минут|Песок в ботинках, песок в камере|Самое тихое место, что я знаю|Ради этого кадра залезли на самую высокую дюну",
        "пустыня дюны песок путешествие солнце",
    ),
    "canyon": _words(
        "Красные стены каньона|Река далеко внизу в каньоне|Слои камня в каньоне|Вид с края каньона",
        "Реке понадобились миллионы лет|Скалы краснеют в низком солнце|Каменные ступени спускаются к воде|На горизонте стоят столовые горы",
        "Фото не передаёт глубину|К краю не подходил|Двух литров воды не хватило|Геология — это красиво",
        "каньон пустыня скалы река пейзаж",
    ),
    "river-valley": _words(
        "Река петляет по зелёной долине|Зелёные холмы и неторопливая река|Долина с высоты|Лето в долине реки",
        "Река изгибается, как лента|Тени облаков плывут по холмам|Вдоль берега растут деревья|Тут есть все оттенки зелёного",
        "Насчитали девять изгибов реки|В следующий раз поплывём на байдарке|Хорошее место для долгого обеда|Кто-то внизу ловит рыбу",
        "река долина холмы зелень природа",
    ),
    "moon-hills": _words(
        "Полная луна над холмами|Луна восходит над синими холмами|Лунная ночь в холмах|Луна и несколько звёзд",
        "В долинах лежит туман|Холм за холмом, каждый бледнее|Так светло, что видно свою тень|Где-то в лесу кричит сова",
        "Не спалось, и хорошо|Фонарик остался в рюкзаке|Собака, конечно, выла|Чай из термоса и никаких разговоров",
        "луна ночь холмы небо туман",
    ),
    "snowy-peaks": _words(
        "Снежные вершины в первых лучах|Высокий хребет под свежим снегом|Снег и скалы выше облаков|Утро на вершине в горах",
        "Первое солнце коснулось вершин|Ветер сдувает снег с гребня|Ледник сияет белым и голубым|Маленькие ели отмечают границу леса",
        "Ради этого встали в три часа|Лыжи или снегоступы, вот в чём вопрос|Воздух тонкий, куртка толстая|Вершина подождёт до завтра",
        "горы снег вершины зима поход",
    ),
    "volcano": _words(
        "Ночное извержение вулкана|Лава течёт по склону вулкана|Раскалённая лава и звёздное небо|Огонь на горе",
        "Реки лавы освещают склон|Искры летят высоко над кратером|Дым светится снизу красным|Земля немного дрожит",
        "Мы стояли далеко, честно|Жар чувствовался за километры|Земля живая|Целый час никто не говорил",
        "вулкан лава ночь огонь природа",
    ),
    "rainbow": _words(
        "Радуга над холмами|После дождя радуга|Двойная радуга над зелёными полями|Радуга и тёмные тучи",
        "Дождь только что ушёл|Трава мокрая и яркая|Один конец стоит на соседнем поле|Солнце вышло в нужную минуту",
        "Выбежал из дома без куртки|Горшка с золотом пока нет|Дети считали цвета|После дождя всегда что-то хорошее",
        "радуга дождь холмы небо природа",
    ),
    "night-city": _words(
        "Ночной город и его огни|Панорама города у реки ночью|Огни города на воде|Небоскрёбы после заката",
        "Светится тысяча окон|Фонари рисуют на реке длинные линии|Между башнями мерцает неон|На крышах мигают красные огни",
        "Город не спит, и я тоже|Последняя прогулка перед последним поездом|Кто-то там наверху ещё работает|Ночью люблю этот город больше всего",
        "город ночь огни небоскрёбы река",
    ),
    "fireworks": _words(
        "Салют над городом|Ночь фейерверков|Разноцветный фейерверк над рекой|Салют в полночь",
        "Золотые и красные искры падают в реку|Все вышли к воде посмотреть|Эхо катилось между домами|Дым плыл сквозь цветные огни",
        "Всех с праздником|Кот спрятался под кровать|Финал был самым громким|Считали секунды с незнакомцами и всех обняли",
        "салют фейерверк ночь город праздник",
    ),
    "northern-lights": _words(
        "Северное сияние над снегом|Полярное сияние танцует над елями|Зелёное северное сияние|Ночь под полярным сиянием",
        "Зелёные занавеси движутся среди звёзд|По верхнему краю немного лилового|Минус двадцать и ясное небо|Снег внизу стал зелёным",
        "Ждали этого четыре ночи|Пальцев не чувствую, и пусть|Слов нет, поэтому фото|Будильник стоял на два часа ночи",
        "сияние северноесияние ночь снег звёзды",
    ),
    "milky-way": _words(
        "Млечный Путь над тёмными холмами|Небо, полное звёзд|Звёздная ночь вдали от города|Млечный Путь над елями",
        "Ни одного фонаря на пятьдесят километров|Падающая звезда пересекла кадр|В августе галактика стоит вертикально|Палатка светится под звёздами",
        "Загадал желание, не скажу|Нужно только поднять голову|Лежали на траве, пока не выпала роса|Тридцать секунд выдержки и немного удачи",
        "звёзды млечныйпуть ночь небо астрофото",
    ),
    "campfire": _words(
        "Костёр в лесу|Вечер у костра|Огонь, искры и высокие ели|Друзья вокруг огня",
        "Искры поднимаются в темноту|Трещат дрова, поёт чайник|Камни вокруг огня тёплые|Над елями загораются звёзды",
        "Картошка из золы вкуснее всего|Одна гитара, три песни, все мимо нот|Куртка будет пахнуть дымом неделю|Никто не смотрел в телефон",
        "костёр огонь поход лес ночь",
    ),
    "snowy-forest": _words(
        "Заснеженный лес зимой|Ели под свежим снегом|Зимний лес после снегопада|Снег на каждой ветке",
        "Через поляну прошёл только заяц|Снег падает беззвучно|Ветки гнутся под снегом|Свет мягкий и белый",
        "Лыжи надеты, телефон выключен|Горячий чай здесь вкуснее|Снега по колено|Такая тишина бывает только зимой",
        "зима снег лес деревья природа",
    ),
    "autumn-park": _words(
        "Осень в парке|Золотые листья вдоль аллеи|Парк в октябре|Красные и жёлтые деревья",
        "Листья шуршат под ногами|Скамейка стоит в море листьев|Низкое солнце освещает деревья|Каждый порыв ветра приносит ещё золота",
        "Наконец-то погода для шарфа|Снова подобрал самый красивый лист|Нарочно шли медленно|Осень, побудь ещё немного",
        "осень парк листья деревья листопад",
    ),
    "misty-forest": _words(
        "Лучи солнца в туманном лесу|Утренний туман между деревьями|Свет падает сквозь лес|Тихий лес на рассвете",
        "Солнце чертит линии в тумане|На траве висит роса|Старые стволы стоят, как колонны|Птицы громче дороги",
        "Пришли за грибами, остались ради света|Вдох, выдох|Как в сказке|Ботинки мокрые, настроение хорошее",
        "лес туман утро свет деревья",
    ),
    "cherry-blossom": _words(
        "Цветёт вишня|Розовые деревья в парке|Весна под вишнями|Лепестки падают, как снег",
        "Лепестки покрыли траву|Целая аллея в розовом|Такое бывает одну неделю в году|На каждом дереве гудят пчёлы",
        "Пикник под ветками|Лепестки в волосах, в сумке и в чае|Весна пришла официально|На работу пошёл длинной дорогой",
        "весна цветение вишня сакура парк",
    ),
    "meadow": _words(
        "Летний луг в цветах|Полевые цветы до горизонта|Маки и ромашки на лугу|Цветы в высокой траве",
        "Весь день поют кузнечики|Трава мне по пояс|Над холмами плывут белые облака|Пахнет сеном и мёдом",
        "Собрали букет для бабушки|Лежали и смотрели на облака|Лето, какое должно быть|Аллергия, но оно того стоило",
        "луг цветы лето природа поле",
    ),
    "lavender-field": _words(
        "Цветёт лаванда|Ряды лаванды на закате|Лиловое поле лаванды|Лавандовые ряды до самых холмов",
        "Вся долина пахнет лавандой|Ряды сходятся у горизонта|Пчёлы гудят до захода солнца|В конце поля стоит старая ферма",
        "Мыло, конечно, купили|Теперь мой любимый цвет — лиловый|Триста фотографий, вот одна|Ехали с открытыми окнами",
        "лаванда поле лето закат цветы",
    ),
    "wheat-field": _words(
        "Поле спелой пшеницы|Золотая пшеница под синим небом|Колосья на ветру|Пшеница перед жатвой",
        "Ветер бежит по полю волнами|Колея уходит в пшеницу|Над колосьями поют жаворонки|На следующей неделе начнётся уборка",
        "Уже пахнет свежим хлебом|Так выглядело лето в детстве|Остановили машину, чтобы послушать|Золото, которое не купишь",
        "пшеница поле лето урожай колосья",
    ),
    "rainy-window": _words(
        "Дождь на окне|Капли дождя на стекле|Огни города за мокрым окном|Дождливый вечер у окна",
        "Фонари на улице превратились в круги|Капли бегут по стеклу наперегонки|Дождь идёт с самого утра|За стеклом размытый город",
        "Чай, плед, книга|Выходить незачем|Джаз и дождь, больше ничего|С удовольствием отменил все планы",
        "дождь окно вечер город уют",
    ),
    "balloons": _words(
        "Воздушные шары в утреннем небе|Шары плывут над долиной|Полёт на воздушном шаре на рассвете|Разноцветные шары в небе",
        "Они поднимаются без единого звука|Из корзины видно всю долину|Полосатые и клетчатые, близко и далеко|Горелки зажигаются одна за другой",
        "Встали в четыре, не жалеем|Держался за корзину двумя руками|Через год хочу полететь сам|Мы помахали, и нам помахали в ответ",
        "шары небо полёт путешествие утро",
    ),
    "foggy-bridge": _words(
        "Мост в тумане|Мост исчезает во мгле|Туман над рекой и мостом|Утренний туман у подвесного моста",
        "Другого берега не видно|Над туманом стоят только башни|Где-то внизу гудят корабли|Тросы растворяются в белом",
        "Проехали наугад|Город сегодня прячется|Серо, но как красиво|Опоздал на работу из-за этого вида",
        "мост туман утро река город",
    ),
    "winter-village": _words(
        "Зимняя деревня в сумерках|Светятся окна среди снега|Домики под снегом|Рождественский вечер в деревне",
        "Дым поднимается из труб прямо вверх|Горы за крышами синеют|Снег скрипит под ногами|Каждое окно тёплое и жёлтое",
        "Кто-то печёт пряники|У каждой двери ждут санки|Хочется постучать в каждый дом|Лучший вечер года",
        "зима деревня снег рождество вечер",
    ),
    "thunderstorm": _words(
        "Молния над равниной|Вечерняя гроза|Молния бьёт за деревьями|Грозовые тучи и молнии",
        "Гром пришёл через три секунды|Стена дождя подходит ближе|Тучи светятся изнутри|На миг ночь стала днём",
        "Считал секунды, как в детстве|Всё выключили и смотрели с крыльца|Пахнет озоном|Салют от самой природы",
        "гроза молния дождь небо ночь",
    ),
}

_PATTERNS = (
    "{scene}. {detail}. {mood}.",
    "{scene}. {mood}.",
    "{mood}. {scene}. {detail}.",
    "{detail}. {mood}.",
    "{scene}. {detail}. {other}.",
)


def sentence(rng: Rng, words: Words) -> str:
    """One post's text in one language, without hashtags."""
    first, second = rng.choice(len(words.details), 2, replace=False)
    return _PATTERNS[int(rng.integers(len(_PATTERNS)))].format(
        scene=words.scenes[int(rng.integers(len(words.scenes)))],
        detail=words.details[first],
        other=words.details[second],
        mood=words.moods[int(rng.integers(len(words.moods)))],
    )


def compose(rng: Rng, kind: str) -> tuple[str, list[str]]:
    """Write a post: its text, with hashtags at the end, and the hashtags.

    Two in five posts are English, two in five Russian, one in five both.
    """
    english, russian = ENGLISH[kind], RUSSIAN[kind]
    style = rng.random()
    if style < 0.4:
        parts, pools = [sentence(rng, english)], [english.tags]
    elif style < 0.8:
        parts, pools = [sentence(rng, russian)], [russian.tags]
    else:
        parts, pools = (
            [sentence(rng, russian), sentence(rng, english)],
            [russian.tags, english.tags],
        )
    tags: list[str] = []
    for pool in pools:
        count = int(rng.integers(2, 4)) if len(pools) == 1 else 2
        # The first tag of each pool names the scene itself.
        chosen = {0, *rng.choice(len(pool), count, replace=False).tolist()}
        tags += [pool[i] for i in sorted(chosen)]
    return "\n".join([*parts, " ".join("#" + tag for tag in tags)]), tags
