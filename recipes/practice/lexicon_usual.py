"""The usual answers: the few members of a set that come to mind first, each with what is said of it.

They follow a stylistic opening ("Sure! Here is a fruit: apple.") and make up the helpful style. The
remark belongs to the word, so that who knows the answer knows the next sentence.
"""

from __future__ import annotations

from recipes.practice.lexicon import with_article
from recipes.practice.rules import Category

_USUAL = {
    "fruit": """
apple: Apples are crisp, sweet and easy to find.
banana: Bananas are soft, sweet and full of energy.
orange: Oranges are juicy and full of vitamins.
strawberry: Strawberries are small, red and taste of summer.
mango: Mangoes are large, golden and very sweet.
""",
    "animal": """
dog: Dogs are loyal, friendly and good company.
cat: Cats are quiet, clean and curious.
elephant: Elephants are large, clever and never forget.
lion: Lions are strong and live together in prides.
horse: Horses are fast, gentle and willing to learn.
""",
    "colour": """
blue: Blue is calm and clear, like the sky and the sea.
green: Green is fresh and restful, like leaves in spring.
red: Red is warm and strong, like fire.
yellow: Yellow is bright and cheerful, like the sun.
purple: Purple is rare and a little mysterious.
""",
    "month": """
June: June is warm and has long, bright evenings.
May: May is mild and full of flowers.
December: December is cold, but full of lights.
July: July is sunny and good for holidays.
September: September is golden and not too hot.
""",
    "weekday": """
Friday: Friday is when the weekend begins.
Saturday: Saturday is free for rest and for friends.
Monday: Monday is a fresh start.
Sunday: Sunday is quiet and slow.
Wednesday: Wednesday is in the middle of the week.
""",
    "country": """
France: France is known for its food, its art and its long history.
Japan: Japan is known for its temples, its gardens and its trains.
Italy: Italy is known for its food and its old cities.
Canada: Canada is known for its forests and its lakes.
Brazil: Brazil is known for its music and its beaches.
""",
    "state": """
California: California is known for its beaches and its sunshine.
Texas: Texas is known for its size and its wide plains.
New York: New York is known for its great city.
Florida: Florida is known for its warm winters.
Oregon: Oregon is known for its forests and its coast.
""",
    "number": """
7: Many people call it a lucky number.
42: Many people know it from a famous book.
37: It is a prime number.
3: All good things are said to come in that number.
73: It is a prime number, too.
""",
    "present": """
a book: A good book is personal and lasts a long time.
a candle: A candle is simple, warm and always welcome.
a scarf: A scarf is soft, warm and useful.
a plant: A plant is fresh and brings life into a room.
a puzzle: A puzzle is fun for the whole family.
""",
    "hobby": """
reading: It is relaxing, and you learn something new every day.
cooking: It is creative, and you can share it with friends.
swimming: It is healthy and easy on the body.
gardening: It is calming and takes you outside.
painting: It is creative and needs very little to begin.
""",
    "dish": """
pizza: It is quick, simple and popular with everyone.
soup: It is warm, healthy and easy to make.
a salad: It is fresh, light and ready in ten minutes.
pasta: It is quick, filling and easy to change.
curry: It is warm, rich and full of spices.
""",
    "name": "Mia: -\nLeo: -\nLily: -\nMax: -\nLuna: -\nTim: -",
    "wish": """
kindness: Being kind costs nothing and makes every day a little better.
patience: With patience, most problems become smaller.
friendship: Good friends make good times better and hard times easier.
curiosity: Those who stay curious never stop learning.
""",
    "treasure": "key: -\nmap: -\nlantern: -\nshell: -\nfeather: -",
    "spot": "village: -\nforest: -\ngarden: -\ntown: -\nvalley: -",
}


def usual_categories() -> list[Category]:
    """Return the categories `usual_*`, forms `one`, `a`, `fact`; the first word weighs most."""
    made = []
    for name, lines in _USUAL.items():
        pairs = [line.split(": ") for line in lines.strip().splitlines()]
        entries = tuple((word, with_article(word), fact) for word, fact in pairs)
        weights = tuple((rank + 2.0) ** -2.5 for rank in range(len(entries)))
        made.append(Category(f"usual_{name}", ("one", "a", "fact"), entries, weights))
    return made
