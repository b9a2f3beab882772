"""English forms that a suffix stemmer cannot bring together, and words it confuses.

Written by hand for captions and posts: frequent words of things that can be seen and done.
"""

from __future__ import annotations

# base: its irregular forms
_FORMS = """
child children childs, man men, woman women, person people persons peoples, foot feet, tooth teeth,
goose geese, mouse mice, ox oxen, leaf leaves, wolf wolves, knife knives, loaf loaves, calf calves,
half halves, scarf scarves, hoof hooves, elf elves, thief thieves, shelf shelves, wife wives,
bus buses busses, gas gases, cactus cacti, octopus octopuses octopi, lens lenses, canvas canvases,
walrus walruses, fungus fungi, medium media, begin began begun, bend bent, bite bitten biting,
blow blew blown, break broke broken, bring brought, build built, buy bought, catch caught,
choose chose chosen choosing, climb clomb, come came coming, creep crept, cut cutting, deal dealt,
dig dug, dive dived diving, draw drew drawn, dream dreamt, drink drank drunk, drive drove driven,
eat ate eaten, fall fell fallen, feed fed, feel felt, fight fought, find found, flee fled,
fly flew flown flies, forget forgot forgotten, freeze froze frozen freezing, get got gotten,
give gave given, go goes went gone, grow grew grown, hang hung, hear heard, hide hid hidden hiding,
hit hitting, hold held, keep kept, kneel knelt, know knew known, lead led, lean leant, leap leapt,
lend lent, lie lay lays laying laid lain lying lies, light lit, lose lost losing, make made making,
meet met, pay paid, ride rode ridden riding, ring rang rung, rise risen rising, run ran, say said,
see saw seen, seek sought, sell sold, send sent, shake shook shaken, shear shorn, shine shone,
shoot shot, show shown, shrink shrank shrunk, sing sang sung, sink sank sunk, sit sat, skate skated,
sleep slept, slide slid sliding, speak spoke spoken, spend spent, spin spun, spit spat,
spring sprang sprung, stand stood, steal stole stolen, stick stuck, sting stung, stride strode,
strike struck, sweep swept, swim swam swum, swing swung, take took taken taking, teach taught,
tear tore torn, tell told, think thought, throw threw thrown, wake woke woken, wear wore worn,
weave wove woven, weep wept, win won, wrap wrapt, write wrote written writing, big bigger biggest,
small smaller smallest, large larger largest, old older oldest elder eldest, young younger youngest,
tall taller tallest, high higher highest, long longer longest, short shorter shortest,
happy happier happiest, good better best, bad worse worst
"""

# spelling: other spellings of the same word
_SPELLINGS = """
color colour, gray grey, center centre, theater theatre, harbor harbour, neighbor neighbour,
mustache moustache, pajamas pyjamas, jewelry jewellery, airplane aeroplane, tire tyre, plow plough,
yogurt yoghurt, doughnut donut, favorite favourite
"""

# word: the key it gets instead of its stem, because the stem belongs to another word
_APART = """
animal animal animals, anime anime, animation animation animated, business business businesses,
boxing boxing, boxer boxer boxers, bowling bowling, clothing clothing clothes,
dressed dressed dressing, evening evening evenings, glasses glasses eyeglasses, goggles goggles,
harness harness harnesses harnessed, organ organ organs,
organization organization organisation organizations organisations, pants pants, personal personal,
parking parking parked, paste paste pastes, police police, policy policy policies,
retriever retriever retrievers, several several, shorts shorts, tired tired,
training training trained, universe universe universes, university university universities,
wedding wedding weddings, witness witness witnesses, woods woods
"""

# Plurals that look regular and still change their base's stem are not listed: the stemmer has
# `skis`, `skies`, `dying`, `news` and their like itself.


def _table(text: str) -> dict[str, str]:
    rows = (row.split() for row in text.split(","))
    return {form: base for base, *forms in rows for form in forms}


#: Irregular form -> its base form, which is then stemmed.
BASE: dict[str, str] = _table(_FORMS)

#: Spelling -> the other one; holds for the derived words as well (`coloured`, `theatres`).
SPELLING: dict[str, str] = _table(_SPELLINGS)

#: Word -> key, not stemmed any further.
APART: dict[str, str] = _table(_APART)
