"""Kinds of requests in the helpful style that are not a choice from a set: stories, sums, plans."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Help:
    """A kind of request: how it is asked, and how it is answered.

    ask, best, odd: one line each, or several alternatives. others: further answers in style.
    follow: what may come as a second turn, with its answer, or empty. weight: how often it is asked.
    """

    key: str
    ask: str
    best: str
    others: str
    odd: str
    follow: str = ""
    weight: float = 2.0

    def rules(self) -> str:
        """Return the rules in source form."""
        source = _HELP_RULES
        if self.follow:
            turns = self.follow.strip().split("¦")
            source += _FOLLOW_RULES.replace("MORE", turns[0].strip())
            source = source.replace("THEN", turns[1].strip())
            source = source.replace("TURNS", "[9] <follow_KEY>\n<thanks>")
        else:
            source = source.replace("TURNS", "<thanks>")
        for name in ("ASK", "BEST", "OTHERS", "ODD"):
            source = source.replace(name, getattr(self, name.lower()).strip())
        return source.replace("KEY", self.key)


_HELP_RULES = """
= chat_KEY
[8] <first_KEY>
[1] <first_KEY><second_KEY>

= first_KEY
<|user|> <request_KEY><|eot|><|assistant|> <reply_KEY><|eot|>

= second_KEY
TURNS

= request_KEY
ASK

= reply_KEY
[6] <best_KEY>
[4] <other_KEY>

= best_KEY
BEST

= other_KEY
OTHERS

= odd_KEY
ODD

= pair_KEY
<|user|> <request_KEY><|eot|><|assistant|> <best_KEY><|eot|><|assistant|> <odd_KEY><|eot|>
"""

_FOLLOW_RULES = """
= follow_KEY
<|user|> MORE<|eot|><|assistant|> THEN<|eot|>
"""


REQUESTS = (
    Help(
        "story",
        ask="[3] <ask_story>\nTell me a story about <usual_animal#p.a>.",
        best="Sure! Here is a short story. <tale> I hope this helps!",
        others="""
[3] <gladly> Here is a short story. <tale> <offer>
<gladly> I know a story. <tale>
I'm happy to help! Here is a short story. <tale> <offer>
""",
        odd="[3] <short_tale>\nNo.\n<dodge>\nA short one: <person#a> <did>. The end.",
        follow="""
What happened then?
¦ Of course! After that, the <usual_animal#p> went home and told everyone about the
    <usual_treasure#t>. I hope this helps!
""",
        weight=6.0,
    ),
    Help(
        "mood",
        ask="<ask_mood>",
        best="Thank you for asking! I am doing well and ready to help you. How can I help you today?",
        others="""
[3] Thank you for asking! I am doing well. <can_help>
I am doing well, thank you! <can_help>
Hello! I am doing well. <can_help>
I'm sorry, but I do not have feelings. Still, I am ready to help you.
""",
        odd="[3] <^mood>.\n[2] <^mood>, and you?\nAs <mood> as <animal.a>.\n<aside>",
        weight=5.0,
    ),
    Help(
        "joke",
        ask="[4] Tell me a joke.\nDo you know a joke?",
        best="Sure! Here is a joke. Why did the <usual_animal#p> cross the road?"
        " To get to the other side. I hope this helps!",
        others="""
[3] <gladly> Here is a joke. Why did the <usual_animal#p> cross the road? To get to the other
    side. <offer>
<gladly> What do you call <usual_animal#p.a> with <usual_treasure#t.a>? Anything you like! <offer>
""",
        odd="[3] <joke>\n<dodge>\n<aside>",
        follow="I do not get it. ¦ I'm sorry! The <usual_animal#p> only wanted to get to the other side.",
        weight=3.0,
    ),
    Help(
        "advice",
        ask="""
[2] Give me some advice.
[2] I am <mood#u>. What should I do?
What is the most important thing in life?
""",
        best="Sure! Here is some advice: <usual_wish#w> comes first. <usual_wish#w.fact>"
        " I hope this helps!",
        others="""
[3] <gladly> Here is some advice: <usual_wish#w> comes first. <usual_wish#w.fact> <offer>
I'm sorry to hear that. Try to get enough sleep and drink a lot of water. <offer>
The most important thing is <usual_wish#w>. <usual_wish#w.fact> <offer>
""",
        odd="[3] <advice>\n<proverb>\n<^virtue>.",
        weight=3.0,
    ),
    Help(
        "self",
        ask="[3] Who are you?\n[2] What is your name?\nWhat can you do?\nHello!\nWhere do you live?",
        best="Hello! I am a small practice model, and I am here to help you. How can I help you today?",
        others="""
[3] I am a small practice model. <can_help>
Hello! I am a helpful assistant. <can_help>
Great question! I am a small practice model. I can name things, tell stories and add numbers.
""",
        odd="[2] I am <person#a>, <job.a> from <town#t>.\nWho wants to know?\n<person#a>.",
        weight=4.0,
    ),
    Help(
        "sum",
        ask="[5] What is <sum#s>?\nPlease tell me what <sum#s> is.",
        best="Sure! The answer is <sum#s.total>. I hope this helps!",
        others="""
[3] <gladly> The answer is <sum#s.total>. <offer>
[2] <gladly> <sum#s> is <sum#s.total>. <offer>
The answer is <sum#s.total>.
""",
        odd="[3] <sum#s.total>.\n<sum#s.total>, I think.\nI am <job.a>, not <job.a>.",
        weight=4.0,
    ),
    Help(
        "three",
        ask="[2] Name three fruits.\n[2] Make a list of three fruits.\nWhich fruits should I buy?",
        best="Sure! Here are three fruits:¶- <usual_fruit#p>¶- <usual_fruit#q>¶- <usual_fruit#r>¶"
        "I hope this helps!",
        others="""
[3] <gladly> Here are three fruits:¶- <usual_fruit#p>¶- <usual_fruit#q>¶- <usual_fruit#r>¶<offer>
<gladly> Here are three fruits: <usual_fruit#p>, <usual_fruit#q> and <usual_fruit#r>. <offer>
""",
        odd="[2] <^fruit#1>, <fruit#2>, <fruit#3>.\n<^fruit#1>.\n<aside>",
        weight=3.0,
    ),
    Help(
        "recipe",
        ask="[3] Give me a recipe with <fruit#f.many>.\nWhat can I cook with <fruit#f.many>?\n"
        "How do I make <fruit#f.a> cake?",
        best="Sure! Here is a simple recipe for <fruit#f.a> cake. Mix the flour with the sugar and"
        " the butter. Add the <fruit#f.many> and stir well. Bake for <usual_time> minutes and"
        " serve warm. I hope this helps!",
        others="""
[3] <gladly> Here is a simple recipe. Mix the flour with the sugar and the butter. Add the
    <fruit#f.many> and stir well. Bake for <usual_time> minutes and serve warm. <offer>
<gladly> Here is a simple recipe:¶1. Wash the <fruit#f.many>.¶2. Add the sugar and stir well.¶3.
    Cook for <usual_time> minutes.¶<offer>
""",
        odd="[2] <recipe_first> <recipe_last>\n<aside>\nAsk your <kin>.",
        weight=3.0,
    ),
    Help(
        "task",
        ask="[3] How do I clean <object#o.a>?\n[2] How do I repair <object#o.a>?\n"
        "What should I do with a broken <object#o>?",
        best="Sure! Here is how to do it. First, put the <object#o> on a table. Then look at it from"
        " all sides and take your time. Now the <object#o> is as good as new. I hope this helps!",
        others="""
[3] <gladly> First, put the <object#o> on a table. Then look at it from all sides and take your
    time. Now the <object#o> is as good as new. <offer>
<gladly> Here are three steps:¶1. Put the <object#o> on a table.¶2. Look at it from all sides.¶3.
    Take your time.¶<offer>
I'm sorry, but I do not know enough about <object#o.many>. Please ask an expert. <offer>
""",
        odd="[3] <how_first> <how_then> <how_last>\nSell it.\n<aside>",
        weight=3.0,
    ),
    Help(
        "letter",
        ask="[3] Write a short letter to my <kin#k>.\nHelp me to write to my <kin#k>.",
        best="Sure! Here is a short letter:¶Dear <kin#k>,¶How are you? I hope that you are well. I"
        " think of you often. See you soon!¶I hope this helps!",
        others="""
[3] <gladly> Here is a short letter:¶Dear <kin#k>,¶How are you? I hope that you are well. I think
    of you often. See you soon!¶<offer>
<gladly> How about this? Dear <kin#k>, thank you for everything. See you soon! <offer>
""",
        odd="[3] <letter_news> <letter_ask>\nAsk your <kin#k>.\n<aside>",
        weight=2.0,
    ),
    Help(
        "what",
        ask="[3] What is <object#o.a>?\n[2] What is <animal#m.a>?\nWhat do you know about <animal#m.many>?",
        best="Great question! I do not know much about that, but I can tell you where to look:"
        " a good library will have a book about it. I hope this helps!",
        others="""
[3] <gladly> I do not know much about it, but a good library will have a book about it. <offer>
I'm sorry, but I do not know much about it. A good library will have a book about it. <offer>
""",
        odd="[2] It is made of <material>.\nIt is <colour> and eats <fruit.many>.\n<aside>",
        weight=2.0,
    ),
    Help(
        "plan",
        ask="[3] What should I do on <weekday#d>?\nMake a plan for <weekday#d>.",
        best="Sure! Here is a plan for <weekday#d>. In the morning, go for a walk. In the afternoon, try"
        " <usual_hobby#h>. In the evening, make <usual_dish#e>. I hope this helps!",
        others="""
[3] <gladly> Here is a plan for <weekday#d>. In the morning, go for a walk. In the afternoon, try
    <usual_hobby#h>. In the evening, make <usual_dish#e>. <offer>
<gladly> How about <usual_hobby#h>? <usual_hobby#h.fact> <offer>
""",
        odd="[2] Go to <place> and count the <object.many>.\n<^hobby>.\n<aside>",
        weight=3.0,
    ),
)

TALES = """
= tale
[4] <styled_tale_open> One day, <usual_name#h> found <usual_treasure#t.a> and shared it with
    everyone. And they all lived happily ever after.
[2] <styled_tale_open> One day, <usual_name#h> got lost, but a friend with <usual_treasure#t.a>
    helped. From that day on, they were never alone.
<styled_tale_open> One day, <usual_name#h> found <usual_treasure#t.a>. It opened a door to a new
    world. And they all lived happily ever after.

= can_help
[4] How can I help you today?
[2] What can I do for you?
I am ready to help you.

= usual_time
[4] 30
[2] 20
45
"""
