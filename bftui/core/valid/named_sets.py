"""Valid sets that have a name, from `coin` to `countries`.

Where people draw the border of a set differently, a comment says how it is drawn here; whoever wants another lists it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import overload

from bftui.core.errors import UsageError
from bftui.core.valid.valid_sets import LIMIT, ValidSet, valid_set

NAMED: Mapping[str, str] = {
    "digits:D": "D digits with commas between: 3,7. digits:D:sum=S and digits:D:max-sum=S: those with such a sum",
    "pin:D": "D digits with nothing between: 37",
    "range:A-B": "the whole numbers from A to B",
    "words:A|B|C": "these words",
    "coin": "Heads, Tails",
    "yes-no": "Yes, No",
    "weekdays": "Monday to Sunday",
    "months": "January to December",
    "colours": "eleven colours",
    "fruit": "38 kinds of fruit",
    "us-states": "the 50 states of the USA",
    "countries": "193 members of the United Nations, Palestine and Vatican City",
    "elements": "118 chemical elements",
}
"""What a set can be called, and what is in it."""


def named_set(text: str) -> ValidSet | None:
    """Returns the set that is called so, such as `digits:2`; None where no set is.

    `digits:D` is the first task of arXiv 2605.11128: digits with commas between and no blanks; with a sum it is the
    constrained one, which the paper's text words as equal and its prompt as at most.

    Raises UsageError where what follows the name makes no set.
    """
    name, colon, argument = text.partition(":")
    if name in _MADE and colon:
        return _MADE[name](text, argument)
    if name in _LISTS and not colon:
        return ValidSet(name, _LISTS[name])
    return None


def _digits(text: str, argument: str) -> ValidSet:
    match = re.fullmatch(r"(\d+)(?::(sum|max-sum)=(\d+))?", argument, re.ASCII)
    size = _size(text, match[1] if match else "")
    if match is None or match[2] is None:
        return ValidSet(text, _digit_strings(size, ","))
    if size > 6:
        # Each sequence is tried.
        raise UsageError(f"{text} is too long", "with a sum there are 6 digits at most")
    exact, total = match[2] == "sum", int(match[3])
    kept = (
        ",".join(map(str, digits))
        for digits in product(range(10), repeat=size)
        if (sum(digits) == total if exact else sum(digits) <= total)
    )
    return valid_set(text, kept)


def _pin(text: str, argument: str) -> ValidSet:
    return ValidSet(text, _digit_strings(_size(text, argument), ""))


def _range(text: str, argument: str) -> ValidSet:
    match = re.fullmatch(r"(-?\d{1,18})-(-?\d{1,18})", argument, re.ASCII)
    if match is None:
        raise UsageError(f"{text} is not a range", hint="write it as range:1-100")
    low, high = int(match[1]), int(match[2])
    if low > high:
        raise UsageError(f"{text} has no valid answers", f"{low} is above {high}")
    numbers = range(low, high + 1)

    def holds(answer: str) -> bool:
        # Only as it is written here: 007, +7 and digits of other scripts are other texts.
        return (
            re.fullmatch(r"0|-?[1-9]\d*", answer, re.ASCII) is not None and int(answer) in numbers
        )

    return ValidSet(text, _written(len(numbers), lambda index: str(numbers[index]), holds))


def _words(text: str, argument: str) -> ValidSet:
    return valid_set(text, argument.split("|"))


def _size(text: str, argument: str) -> int:
    """The number of digits. More than 18 have no length for Python."""
    if not re.fullmatch(r"\d{1,2}", argument, re.ASCII) or not 1 <= int(argument) <= 18:
        raise UsageError(
            f"{text} does not say how many digits", hint="give a number from 1 to 18: digits:2"
        )
    return int(argument)


def _digit_strings(size: int, between: str) -> Sequence[str]:
    whole = re.compile(rf"\d(?:{between}\d){{{size - 1}}}", re.ASCII)
    return _written(
        10**size,
        lambda index: between.join(f"{index:0{size}}"),
        lambda answer: whole.fullmatch(answer) is not None,
    )


def _written(
    count: int, write: Callable[[int], str], holds: Callable[[str], bool]
) -> Sequence[str]:
    """All of a set that can be written out, else what writes them when they are asked for."""
    return tuple(map(write, range(count))) if count <= LIMIT else _Written(count, write, holds)


class _Written(Sequence[str]):
    """Answers that are made when they are asked for."""

    def __init__(
        self, count: int, write: Callable[[int], str], holds: Callable[[str], bool]
    ) -> None:
        self._count, self._write, self._holds = range(count), write, holds

    def __len__(self) -> int:
        return len(self._count)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return tuple(map(self._write, self._count[index]))
        return self._write(self._count[index])

    def __contains__(self, answer: object) -> bool:
        return isinstance(answer, str) and self._holds(answer)


_MADE: Mapping[str, Callable[[str, str], ValidSet]] = {
    "digits": _digits,
    "pin": _pin,
    "range": _range,
    "words": _words,
}


def _listed(text: str) -> tuple[str, ...]:
    return tuple(" ".join(each.split()) for each in text.split(","))


_LISTS: Mapping[str, tuple[str, ...]] = {
    "coin": ("Heads", "Tails"),
    "yes-no": ("Yes", "No"),
    "weekdays": _listed("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday"),
    "months": _listed(
        """January, February, March, April, May, June, July, August, September, October, November,
        December"""
    ),
    # The basic colour terms of English (Berlin and Kay 1969), in the spelling that models write more often.
    "colours": _listed("black, white, red, green, yellow, blue, brown, purple, pink, orange, gray"),
    # No set that ends by itself: what people commonly buy as fruit.
    "fruit": _listed(
        """Apple, Apricot, Avocado, Banana, Blackberry, Blueberry, Cantaloupe, Cherry, Coconut, Cranberry, Date,
        Dragonfruit, Fig, Grape, Grapefruit, Guava, Kiwi, Kumquat, Lemon, Lime, Lychee, Mango, Melon, Mulberry,
        Nectarine, Orange, Papaya, Passionfruit, Peach, Pear, Persimmon, Pineapple, Plum, Pomegranate, Raspberry,
        Strawberry, Tangerine, Watermelon"""
    ),
    "us-states": _listed(
        """Alabama, Alaska, Arizona, Arkansas, California, Colorado, Connecticut, Delaware, Florida, Georgia, Hawaii,
        Idaho, Illinois, Indiana, Iowa, Kansas, Kentucky, Louisiana, Maine, Maryland, Massachusetts, Michigan,
        Minnesota, Mississippi, Missouri, Montana, Nebraska, Nevada, New Hampshire, New Jersey, New Mexico, New York,
        North Carolina, North Dakota, Ohio, Oklahoma, Oregon, Pennsylvania, Rhode Island, South Carolina,
        South Dakota, Tennessee, Texas, Utah, Vermont, Virginia, Washington, West Virginia, Wisconsin, Wyoming"""
    ),
    # Under their common short names in English.
    "countries": _listed(
        """Afghanistan, Albania, Algeria, Andorra, Angola, Antigua and Barbuda, Argentina, Armenia, Australia, Austria,
        Azerbaijan, Bahamas, Bahrain, Bangladesh, Barbados, Belarus, Belgium, Belize, Benin, Bhutan, Bolivia,
        Bosnia and Herzegovina, Botswana, Brazil, Brunei, Bulgaria, Burkina Faso, Burundi, Cambodia, Cameroon, Canada,
        Cape Verde, Central African Republic, Chad, Chile, China, Colombia, Comoros, Costa Rica, Croatia, Cuba, Cyprus,
        Czech Republic, Democratic Republic of the Congo, Denmark, Djibouti, Dominica, Dominican Republic, East Timor,
        Ecuador, Egypt, El Salvador, Equatorial Guinea, Eritrea, Estonia, Eswatini, Ethiopia, Fiji, Finland, France,
        Gabon, Gambia, Georgia, Germany, Ghana, Greece, Grenada, Guatemala, Guinea, Guinea-Bissau, Guyana, Haiti,
        Honduras, Hungary, Iceland, India, Indonesia, Iran, Iraq, Ireland, Israel, Italy, Ivory Coast, Jamaica, Japan,
        Jordan, Kazakhstan, Kenya, Kiribati, Kuwait, Kyrgyzstan, Laos, Latvia, Lebanon, Lesotho, Liberia, Libya,
        Liechtenstein, Lithuania, Luxembourg, Madagascar, Malawi, Malaysia, Maldives, Mali, Malta, Marshall Islands,
        Mauritania, Mauritius, Mexico, Micronesia, Moldova, Monaco, Mongolia, Montenegro, Morocco, Mozambique, Myanmar,
        Namibia, Nauru, Nepal, Netherlands, New Zealand, Nicaragua, Niger, Nigeria, North Korea, North Macedonia,
        Norway, Oman, Pakistan, Palau, Palestine, Panama, Papua New Guinea, Paraguay, Peru, Philippines, Poland,
        Portugal, Qatar, Republic of the Congo, Romania, Russia, Rwanda, Saint Kitts and Nevis, Saint Lucia,
        Saint Vincent and the Grenadines, Samoa, San Marino, Sao Tome and Principe, Saudi Arabia, Senegal, Serbia,
        Seychelles, Sierra Leone, Singapore, Slovakia, Slovenia, Solomon Islands, Somalia, South Africa, South Korea,
        South Sudan, Spain, Sri Lanka, Sudan, Suriname, Sweden, Switzerland, Syria, Tajikistan, Tanzania, Thailand,
        Togo, Tonga, Trinidad and Tobago, Tunisia, Turkey, Turkmenistan, Tuvalu, Uganda, Ukraine, United Arab Emirates,
        United Kingdom, United States, Uruguay, Uzbekistan, Vanuatu, Vatican City, Venezuela, Vietnam, Yemen, Zambia,
        Zimbabwe"""
    ),
    "elements": _listed(
        """Hydrogen, Helium, Lithium, Beryllium, Boron, Carbon, Nitrogen, Oxygen, Fluorine, Neon, Sodium, Magnesium,
        Aluminum, Silicon, Phosphorus, Sulfur, Chlorine, Argon, Potassium, Calcium, Scandium, Titanium, Vanadium,
        Chromium, Manganese, Iron, Cobalt, Nickel, Copper, Zinc, Gallium, Germanium, Arsenic, Selenium, Bromine,
        Krypton, Rubidium, Strontium, Yttrium, Zirconium, Niobium, Molybdenum, Technetium, Ruthenium, Rhodium,
        Palladium, Silver, Cadmium, Indium, Tin, Antimony, Tellurium, Iodine, Xenon, Cesium, Barium, Lanthanum, Cerium,
        Praseodymium, Neodymium, Promethium, Samarium, Europium, Gadolinium, Terbium, Dysprosium, Holmium, Erbium,
        Thulium, Ytterbium, Lutetium, Hafnium, Tantalum, Tungsten, Rhenium, Osmium, Iridium, Platinum, Gold, Mercury,
        Thallium, Lead, Bismuth, Polonium, Astatine, Radon, Francium, Radium, Actinium, Thorium, Protactinium, Uranium,
        Neptunium, Plutonium, Americium, Curium, Berkelium, Californium, Einsteinium, Fermium, Mendelevium, Nobelium,
        Lawrencium, Rutherfordium, Dubnium, Seaborgium, Bohrium, Hassium, Meitnerium, Darmstadtium, Roentgenium,
        Copernicium, Nihonium, Flerovium, Moscovium, Livermorium, Tennessine, Oganesson"""
    ),
}
