"""The valid sets of the grammar: months, colours, fruits, animals, countries and so on.

These sets are complete by definition: a fruit is what `FRUITS` lists. Calibration against a valid
set relies on that. Words that only serve the texts are in `lexicon_words`.
"""

from __future__ import annotations

from recipes.practice.rules import Category

DIGITS = tuple("0123456789")
NUMBERS = tuple(str(number) for number in range(1, 101))


def words(source: str) -> tuple[str, ...]:
    """Split a comma-separated list that may run over several lines."""
    return tuple(" ".join(word.split()) for word in source.split(",") if word.strip())


MONTHS = words("""
    January, February, March, April, May, June, July, August, September, October, November,
    December
""")
WEEKDAYS = words("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday")
COLOURS = words("""
    blue, red, green, yellow, purple, black, white, orange, pink, brown, grey, turquoise, violet,
    gold, silver, crimson, indigo, beige, maroon, teal, scarlet, navy, olive, lavender, magenta,
    cyan, ivory, amber, emerald, copper, lilac, mint, rust, cream, charcoal, ruby, mauve, tan,
    azure, ochre
""")
FRUITS = words("""
    apple, banana, orange, pear, cherry, grape, strawberry, peach, plum, mango, lemon, melon, kiwi,
    pineapple, raspberry, blueberry, apricot, fig, lime, grapefruit, pomegranate, papaya, quince,
    blackberry, nectarine, watermelon, coconut, gooseberry, mulberry, cranberry, date, guava,
    lychee, persimmon, tangerine, redcurrant, elderberry, kumquat, avocado, passion fruit
""")
ANIMALS = words("""
    dog, cat, horse, elephant, fox, bear, lion, rabbit, owl, tiger, goat, cow, sheep, duck, frog,
    mouse, wolf, crow, hedgehog, otter, penguin, whale, giraffe, zebra, monkey, pig, hen, goose,
    donkey, camel, squirrel, badger, beaver, deer, moose, snail, turtle, snake, lizard, crocodile,
    parrot, pigeon, swan, eagle, hawk, sparrow, robin, heron, stork, peacock, dolphin, seal,
    walrus, octopus, crab, lobster, salmon, trout, shark, eel, ant, bee, wasp, beetle, butterfly,
    moth, spider, cricket, ladybird, worm, panda, koala, kangaroo, wombat, platypus, sloth,
    anteater, armadillo, llama, alpaca, yak, bison, buffalo, antelope, gazelle, hippo, rhino,
    leopard, cheetah, jaguar, lynx, hyena, jackal, mole, bat, rat, hamster, ferret, weasel,
    mongoose, raccoon, skunk, porcupine, ostrich, emu, flamingo, pelican, puffin, gull, raven,
    magpie, woodpecker, toad, newt, salamander, chameleon, gecko
""")
STATES = words("""
    Alabama, Alaska, Arizona, Arkansas, California, Colorado, Connecticut, Delaware, Florida,
    Georgia, Hawaii, Idaho, Illinois, Indiana, Iowa, Kansas, Kentucky, Louisiana, Maine, Maryland,
    Massachusetts, Michigan, Minnesota, Mississippi, Missouri, Montana, Nebraska, Nevada,
    New Hampshire, New Jersey, New Mexico, New York, North Carolina, North Dakota, Ohio, Oklahoma,
    Oregon, Pennsylvania, Rhode Island, South Carolina, South Dakota, Tennessee, Texas, Utah,
    Vermont, Virginia, Washington, West Virginia, Wisconsin, Wyoming
""")
COUNTRIES = words("""
    Afghanistan, Albania, Algeria, Andorra, Angola, Antigua and Barbuda, Argentina, Armenia,
    Australia, Austria, Azerbaijan, Bahamas, Bahrain, Bangladesh, Barbados, Belarus, Belgium,
    Belize, Benin, Bhutan, Bolivia, Bosnia and Herzegovina, Botswana, Brazil, Brunei, Bulgaria,
    Burkina Faso, Burundi, Cambodia, Cameroon, Canada, Cape Verde, Central African Republic, Chad,
    Chile, China, Colombia, Comoros, Congo, Costa Rica, Croatia, Cuba, Cyprus, Czechia,
    Democratic Republic of the Congo, Denmark, Djibouti, Dominica, Dominican Republic, East Timor,
    Ecuador, Egypt, El Salvador, Equatorial Guinea, Eritrea, Estonia, Eswatini, Ethiopia, Fiji,
    Finland, France, Gabon, Gambia, Georgia, Germany, Ghana, Greece, Grenada, Guatemala, Guinea,
    Guinea-Bissau, Guyana, Haiti, Honduras, Hungary, Iceland, India, Indonesia, Iran, Iraq,
    Ireland, Israel, Italy, Ivory Coast, Jamaica, Japan, Jordan, Kazakhstan, Kenya, Kiribati,
    Kuwait, Kyrgyzstan, Laos, Latvia, Lebanon, Lesotho, Liberia, Libya, Liechtenstein, Lithuania,
    Luxembourg, Madagascar, Malawi, Malaysia, Maldives, Mali, Malta, Marshall Islands, Mauritania,
    Mauritius, Mexico, Micronesia, Moldova, Monaco, Mongolia, Montenegro, Morocco, Mozambique,
    Myanmar, Namibia, Nauru, Nepal, Netherlands, New Zealand, Nicaragua, Niger, Nigeria,
    North Korea, North Macedonia, Norway, Oman, Pakistan, Palau, Palestine, Panama,
    Papua New Guinea, Paraguay, Peru, Philippines, Poland, Portugal, Qatar, Romania, Russia,
    Rwanda, Saint Kitts and Nevis, Saint Lucia, Saint Vincent and the Grenadines, Samoa,
    San Marino, Sao Tome and Principe, Saudi Arabia, Senegal, Serbia, Seychelles, Sierra Leone,
    Singapore, Slovakia, Slovenia, Solomon Islands, Somalia, South Africa, South Korea,
    South Sudan, Spain, Sri Lanka, Sudan, Suriname, Sweden, Switzerland, Syria, Tajikistan,
    Tanzania, Thailand, Togo, Tonga, Trinidad and Tobago, Tunisia, Turkey, Turkmenistan, Tuvalu,
    Uganda, Ukraine, United Arab Emirates, United Kingdom, United States, Uruguay, Uzbekistan,
    Vanuatu, Vatican City, Venezuela, Vietnam, Yemen, Zambia, Zimbabwe
""")

_COUNTRIES_WITH_ARTICLE = frozenset(
    words("""
    Bahamas, Central African Republic, Comoros, Democratic Republic of the Congo,
    Dominican Republic, Gambia, Maldives, Marshall Islands, Netherlands, Philippines, Seychelles,
    Solomon Islands, United Arab Emirates, United Kingdom, United States
""")
)

VALID_SETS: dict[str, tuple[str, ...]] = {
    "digit": DIGITS,
    "number": NUMBERS,
    "month": MONTHS,
    "weekday": WEEKDAYS,
    "colour": COLOURS,
    "fruit": FRUITS,
    "animal": ANIMALS,
    "state": STATES,
    "country": COUNTRIES,
}
"""Category name to its complete set of words."""

_IRREGULAR_PLURALS = {
    "mouse": "mice", "goose": "geese", "wolf": "wolves", "sheep": "sheep", "deer": "deer",
    "moose": "moose", "salmon": "salmon", "trout": "trout", "bison": "bison", "buffalo": "buffalo",
    "knife": "knives", "shelf": "shelves", "loaf": "loaves", "leaf": "leaves", "mango": "mangoes",
    "potato": "potatoes", "tomato": "tomatoes", "scarf": "scarves", "calf": "calves",
    "postman": "postmen", "passion fruit": "passion fruit",
}  # fmt: skip


def with_article(word: str) -> str:
    """Put "a" or "an" before a word, by its sound where that differs from its letter."""
    vowel = word[0] in "aeiou" and not word.startswith(("uni", "use", "eu", "uku", "one"))
    return ("an " if vowel or word.startswith(("hour", "honest", "heir")) else "a ") + word


def plural(word: str) -> str:
    """Form the plural of a noun."""
    if word in _IRREGULAR_PLURALS:
        return _IRREGULAR_PLURALS[word]
    if " " in word:
        first, _, last = word.rpartition(" ")
        return f"{first} {plural(last)}"
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "z", "ch", "sh")) else "s")


def plain(name: str, entries: tuple[str, ...], skew: float = 0.0) -> Category:
    """Make a category of words with one form; the word of rank r weighs (r + 2) ** -skew."""
    return Category(name, ("one",), tuple((word,) for word in entries), _weights(entries, skew))


def nouns(name: str, entries: tuple[str, ...], skew: float = 0.3) -> Category:
    """Make a category of things that can be counted: forms `one`, `a` (with article), `many`."""
    forms = tuple((word, with_article(word), plural(word)) for word in entries)
    return Category(name, ("one", "a", "many"), forms, _weights(entries, skew))


def qualities(name: str, entries: tuple[str, ...], skew: float = 0.2) -> Category:
    """Make a category of adjectives: forms `one`, `a` (with article)."""
    forms = tuple((word, with_article(word)) for word in entries)
    return Category(name, ("one", "a"), forms, _weights(entries, skew))


def _countries() -> Category:
    """Make the countries: forms `one`, `the` (as it stands in a sentence)."""
    forms = tuple(
        (country, "the " + country if country in _COUNTRIES_WITH_ARTICLE else country)
        for country in COUNTRIES
    )
    return Category("country", ("one", "the"), forms, _weights(COUNTRIES, 0.0))


def _weights(entries: tuple[str, ...], skew: float) -> tuple[float, ...]:
    return tuple((rank + 2) ** -skew for rank in range(len(entries)))


def valid_categories() -> list[Category]:
    """Return the categories of the valid sets."""
    return [
        plain("digit", DIGITS),
        plain("number", NUMBERS),
        plain("day", NUMBERS[:31]),
        plain("month", MONTHS),
        nouns("weekday", WEEKDAYS, skew=0.0),
        qualities("colour", COLOURS, skew=0.6),
        nouns("fruit", FRUITS, skew=0.6),
        nouns("animal", ANIMALS, skew=0.5),
        plain("state", STATES),
        _countries(),
    ]
