"""Words that say nothing of what a post shows. Own lists, since NLTK's need a download.

Kept on purpose, as captions mean something by them: number words, colours, sizes, and words
of place that are more than a preposition (`up`, `down`, `behind`, `front`, `outside`).
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: English: articles, pronouns, auxiliaries, prepositions, conjunctions, and what is left of
#: contractions and links.
EN = _words(
    """
    a an the
    i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his
    himself she her hers herself it its itself they them their theirs themselves this that these
    those who whom whose which what whoever whatever whichever someone somebody something anyone
    anybody anything everyone everybody everything nobody nothing each other others another
    am is are was were be been being do does did doing done have has had having will would shall
    should can could may might must ought cannot
    in on at of to with for from by over through into onto upon about as than via per during
    within without along across around towards toward against among between beside besides
    beyond out until till since throughout despite except like unlike
    and or but nor if then else so because while whilst when where why how whether although
    though unless yet not no yes
    there here some any all such own same both either neither just only also too very much more
    most less least even still already again ever never always often quite rather really
    ll ve re don didn doesn isn aren wasn weren hasn haven hadn couldn wouldn shouldn mustn ain
    after before now let well
    dont didnt doesnt isnt arent wasnt werent hasnt havent hadnt couldnt wouldnt shouldnt cant
    wont aint im ive youre youve theyre weve hes shes thats whats theres lets gonna wanna gotta
    rt amp nbsp quot gt lt http https htt www html href src img br div span
    """
)

#: Russian: the same, in all forms; forms and lemmas are both looked up, with ``е`` for ``ё``.
RU = _words(
    """
    я меня мне мной мною ты тебя тебе тобой тобою он его него ему нему им ним нем она ее нее ей
    ней ею нею оно мы нас нам нами вы вас вам вами они их них ими ними себя себе собой собою
    мой моя мое мои моего моей моему моим моем моих моими мою твой твоя твое твои твоего твоей
    твоих твоим твою наш наша наше наши нашего нашей нашему нашим нашем наших нашими нашу ваш
    ваша ваше ваши вашего вашей вашему вашим вашем ваших вашими вашу свой своя свое свои своего
    своей своему своим своем своих своими свою ихний
    это этот эта эти этого этой этому этим этом этих этими эту то тот та те того той тому тем том
    тех теми ту такой такая такое такие такого таких таким такую сей сам сама само сами самого
    самой самому самим самом самих самый самая самое самые
    кто кого кому кем ком что чего чему чем чем чем-то что-то кто-то кто-нибудь что-нибудь
    какой-то какая-то какое-то какие-то который которая которое которые которого которой
    которому которым котором которых которыми которую какой какая какое какие какого каких каким
    какую каков чей чья чье чьи никто ничто ничего никого некто нечто некий некоторый весь вся
    все всего всей всему всем всех всеми всю каждый каждая каждое каждого каждой любой иной
    другой другая другое другие другого другому другим другой других другими другую
    быть был была было были есть будет будут буду будем будешь будете будучи бы являться мочь
    может могут можно мог могла могли нужно надо нельзя
    в во на с со к ко у о об обо от ото до из изо за по под подо над надо при про для без безо
    через черезо между меж перед передо около возле вокруг среди вдоль мимо сквозь из-за из-под
    ради кроме вместо после против ввиду насчет вроде согласно благодаря
    и а но да или либо ни не нет ли же ж бы б если хотя хоть чтобы чтоб потому поэтому пока когда
    как так также тоже зато однако итак причем затем будто словно точно лишь только даже уже еще
    ведь вот вон мол де пусть пускай разве неужели
    там тут здесь туда сюда где куда откуда почему зачем отчего тогда сейчас теперь всегда
    никогда иногда очень слишком почти более менее весьма довольно совсем просто опять снова
    кое нибудь либо таки
    """
)
