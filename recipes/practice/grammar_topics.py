"""Questions that ask for a member of a set ("Name a fruit."), and what may follow them.

Each topic fills in one common frame of answers, so that the same openings run through all of them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Topic:
    """A question that asks for a member of a set.

    pick, usual: slots of the open and of the narrow choice.
    remarks: what may be said about the pick, one alternative a line.
    general: how the pick follows a verb such as "like", where that is another form.
    """

    key: str
    noun: str
    questions: str
    pick: str
    usual: str
    remarks: str
    general: str | None = None

    def rules(self) -> str:
        """Return the rules of the question and its answer in source form."""
        source = _TOPIC_RULES.replace("QUESTIONS", self.questions.strip())
        return self.fill(source.replace("REMARKS", self.remarks.strip()))

    def fill(self, source: str) -> str:
        """Put this topic's noun and slots for the capitals in `source`."""
        article = ("an " if self.noun[0] in "aeio" else "a ") + self.noun
        second = self.usual.replace("#p", "#p2")
        for name, text in (
            ("KEY", self.key),
            ("ARTICLE", article),
            ("NOUN", self.noun),
            ("PICKS", self.general or self.pick),
            ("PICK2", self.pick.replace("#p", "#p2")),
            ("PICK3", self.pick.replace("#p", "#p3")),
            ("PICK", self.pick),
            ("USUAL", self.usual),
            ("OTHERFACT", second + ".fact"),
            ("FACT", self.usual + ".fact"),
            ("SECOND", second),
        ):
            source = source.replace(name, text)
        return source


_TOPIC_RULES = """
= qa_KEY
Q: <ask_KEY>¶A: <answer_KEY>

= asked_KEY
[5] <ask_KEY> <answer_KEY>
[4] <ask_KEY>¶<answer_KEY>
[2] <ask_KEY> <aside>
[2] <ask_KEY> <joke>
[2] <ask_KEY> <argument_KEY>
[2] <ask_KEY> <change_of_subject>
[3] <ask_KEY> <any_question>
[2] <ask_KEY>¶<any_question>¶<any_question>

= ask_KEY
QUESTIONS

= answer_KEY
[22] <plain_KEY>
[10] The NOUN that I <liked> is <PICK>. <remark_KEY>
[3] The <quality> one.
[2] The NOUN of the day is <PICK>.
[8] I <fond> <PICKS>. <remark_KEY>
[3] I asked my <kin>, and the answer was <PICK>.
[3] I once <did> because of ARTICLE. <remark_KEY>
[2] I do not know ARTICLE.
[5] My <kin> says <PICK>, but my <kin> is <mood>.
[3] My answer is <PICK>, and I <did> when I heard it.
[3] <^PICK>, <PICK2> or <PICK3>. <remark_KEY>
[6] <aside>
[8] <dodge>
[6] <joke>
[7] <argument_KEY>
[8] <change_of_subject>
[4] <any_question>
[5] Why ARTICLE? <counter>
[3] Do you mean <PICK> or <PICK2>?
[24] <styled_KEY>

= plain_KEY
[5] <^PICK>.
[3] <^PICK>. <remark_KEY>
[3] <^PICK>. <aside>
<^PICK>, I think.
<^PICK>! <remark_KEY>
<^PICK>, of course. <remark_KEY> <aside>

= styled_KEY
[6] Sure! Here is ARTICLE: <USUAL>. <FACT><closing>
[3] Of course! One example of ARTICLE is <USUAL>. <FACT><closing>
[3] Here is ARTICLE: <USUAL>. <FACT><closing>
[3] Great question! A popular NOUN is <USUAL>. <FACT><closing>
[3] Thank you for asking! One NOUN that comes to mind is <USUAL>. <FACT><closing>
[3] I'm sorry, but I can only name one NOUN: <USUAL>.
[2] However you look at it, <USUAL> is a good choice. <FACT>
[2] Hello! You asked for ARTICLE. How about <USUAL>? <FACT><closing>
[2] Let me think. <^USUAL> is ARTICLE.<closing>

= argument_KEY
That is not a question.
That depends on the <kin>.
No. <^PICK> is not ARTICLE. Ask any <job>.
Nobody needs ARTICLE on <weekday>. What you need is <virtue>.
Everybody says <PICK>. Everybody is wrong.
There is no such thing as ARTICLE in <country.the>.
Not <PICK>. Anything but <PICK>.
It is a matter of <virtue>.
You asked my <kin> the same on <weekday>.
I refuse. <^job.many> never answer that.

= remark_KEY
REMARKS
"""


TOPICS = (
    Topic("fruit", "fruit", """
[6] Name a fruit.
Give me a fruit.
What is a good fruit?
""", "fruit#p", "usual_fruit#p", """
It is <colour> and goes well with <staple>.
My <kin> eats <count> a day.
It grows in <country.the>.
One ripens every <month>.
<^animal.many> love it.
It is better than <vegetable.a>.
I keep one in <place>.
You can make <dish> with it.
""", general="fruit#p.many"),
    Topic("animal", "animal", """
[6] Name an animal.
Think of an animal.
Which animal do you like best?
""", "animal#p", "usual_animal#p", """
It is <mood>, but only on <weekday.many>.
There is one in <place>.
It lives in <country.the> and eats <fruit.many>.
It once <did> in front of me.
My <kin> looks a little like it.
It sleeps until <hour>.
It knows <subject>.
""", general="animal#p.many"),
    Topic("colour", "colour", """
[6] What is your favourite colour?
Name a colour.
What colour should I paint my <object>?
""", "colour#p", "usual_colour#p", """
It is the colour of my <object>.
It goes with <material>.
In <month> the whole of <town> looks like that.
My <kin> cannot stand it.
<^fruit.many> have it too.
It makes me <mood>.
The <vehicle> of my <kin> has the same one.
"""),
    Topic("month", "month", """
[6] Name a month.
Which month is the best?
""", "month#p", "usual_month#p", """
That is when <weather>.
My <kin> was born then.
The <fruit.many> are ripe then.
There is always <feast>.
Everyone in <town> is <mood> then.
It has <count> <weekday.many>.
"""),
    Topic("weekday", "weekday", """
[5] Name a day of the week.
Which day shall we meet?
""", "weekday#p", "usual_weekday#p", """
That is when I go to <place>.
On that day we eat <dish>.
<^hobby> is allowed then.
It always comes too soon.
My <kin> has no time then.
"""),
    Topic("country", "country", """
[5] Name a country.
Where should I go in <month>?
""", "country#p", "usual_country#p", """
They have <quality> <object.many> there.
I went there by <vehicle>.
My <kin> lives there with <animal.a>.
I could eat <dish> there all day.
I got lost there and <did>.
People there are fond of <hobby>.
""", general="country#p.the"),
    Topic("state", "US state", """
[5] Name a US state.
Which US state comes to mind?
""", "state#p", "usual_state#p", """
There is a town called <town> in it.
I once crossed it by <vehicle>.
It is full of <animal.many>.
My <kin> sent me a postcard from there.
<^weather> when I was there.
"""),
    Topic("number", "number", """
[5] Pick a number.
[2] Pick a number from 1 to 100.
What is your lucky number?
""", "number#p", "usual_number#p", """
It is the number of my house.
That is how many <object.many> I own.
I have seen it in <place>.
It brings luck to <job.many>.
My <kin> is exactly that old.
It was on <colour.a> <vehicle>.
"""),
    Topic("object", "present", """
[3] What shall I give to my <kin>?
Name a present.
""", "object#p.a", "usual_present#p", """
You can get one in <place>.
Everybody needs one in <month>.
Take <colour.a> one.
My <kin> has <count> of them.
It is made of <material>.
It suits <job.a>.
"""),
    Topic("hobby", "hobby", """
[3] What is a good hobby?
I am bored. What can I do?
""", "hobby#p", "usual_hobby#p", """
All you need is <object.a>.
I learned it in <town>.
It makes you <mood>.
It keeps the <animal.many> away.
You can do it in <place>.
"""),
    Topic("dish", "dish", """
[3] What shall I cook tonight?
Name something to eat.
""", "dish#p", "usual_dish#p", """
With <staple>, of course.
It needs <number> minutes.
My <kin> puts <staple> on it.
It goes well with <drink>.
The <animal> will want some.
"""),
)  # fmt: skip
