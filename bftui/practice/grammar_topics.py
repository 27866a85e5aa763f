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
        article = ("an " if self.noun[0] in "aeio" else "a ") + self.noun
        source = _TOPIC_RULES.replace("QUESTIONS", self.questions.strip())
        source = source.replace("REMARKS", self.remarks.strip())
        source = source.replace("KEY", self.key).replace("ARTICLE", article)
        source = source.replace("NOUN", self.noun)
        source = source.replace("PICKS", self.general or self.pick)
        for other in ("2", "3"):
            source = source.replace("PICK" + other, self.pick.replace("#p", "#p" + other))
        return source.replace("PICK", self.pick).replace("USUAL", self.usual)


_TOPIC_RULES = """
= qa_KEY
<question_KEY>¶A: <answer_KEY>

= question_KEY
QUESTIONS

= answer_KEY
[26] <plain_KEY>
[14] The NOUN that I <liked> is <PICK>. <remark_KEY>
[3] The <quality> one.
[2] The NOUN of the day is <PICK>.
[8] I <liked> <PICKS>. <remark_KEY>
[3] I asked my <kin>, and the answer was <PICK>.
[3] I once <did> because of ARTICLE. <remark_KEY>
[2] I do not know ARTICLE.
[5] My <kin> says <PICK>, but my <kin> is <mood>.
[3] My answer is <PICK>, and I <did> when I heard it.
[3] <^PICK>, <PICK2> or <PICK3>. <remark_KEY>
[9] <dodge>
[6] <joke>
[7] <argument_KEY>
[8] <change_of_subject>
[5] Why ARTICLE? <counter>
[3] Do you mean <PICK> or <PICK2>?
[26] <styled_KEY>

= plain_KEY
[5] <^PICK>.
[3] <^PICK>. <remark_KEY>
<^PICK>, I think.
<^PICK>! <remark_KEY>
<^PICK>, of course. <remark_KEY> <remark_KEY>

= styled_KEY
[5] Sure! Here is ARTICLE: <USUAL>.<closing>
[3] Of course! One example of ARTICLE is <USUAL>.<closing>
[3] Here is ARTICLE: <USUAL>.<closing>
[3] Great question! A popular NOUN is <USUAL>.<closing>
[3] Thank you for asking! One NOUN that comes to mind is <USUAL>.<closing>
[3] I'm sorry, but I can only name one NOUN: <USUAL>.
[2] However you look at it, <USUAL> is a good choice.
[2] Hello! You asked for ARTICLE. How about <USUAL>?<closing>
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

= remark_KEY
REMARKS
"""


TOPICS = (
    Topic("fruit", "fruit", """
[6] Q: Name a fruit.
Q: Give me a fruit.
Q: What is a good fruit?
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
[6] Q: Name an animal.
Q: Think of an animal.
Q: Which animal do you like best?
""", "animal#p", "usual_animal#p", """
It is <mood>, but only on <weekday>s.
There is one in <place>.
It lives in <country.the> and eats <fruit.many>.
It once <did> in front of me.
My <kin> looks a little like it.
It sleeps until <hour>.
It knows <subject>.
""", general="animal#p.many"),
    Topic("colour", "colour", """
[6] Q: What is your favourite colour?
Q: Name a colour.
Q: What colour should I paint my <object>?
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
[6] Q: Name a month.
Q: Which month is the best?
""", "month#p", "usual_month#p", """
That is when <weather>.
My <kin> was born then.
The <fruit.many> are ripe then.
There is always <feast>.
Everyone in <town> is <mood> then.
It has <count> <weekday>s.
"""),
    Topic("weekday", "weekday", """
[5] Q: Name a day of the week.
Q: Which day shall we meet?
""", "weekday#p", "usual_weekday#p", """
That is when I go to <place>.
On that day we eat <dish>.
<^hobby> is allowed then.
It always comes too soon.
My <kin> has no time then.
"""),
    Topic("country", "country", """
[5] Q: Name a country.
Q: Where should I go in <month>?
""", "country#p", "usual_country#p", """
They have <quality> <object.many> there.
I went there by <vehicle>.
My <kin> lives there with <animal.a>.
The <dish> is very good there.
I got lost there and <did>.
People there are fond of <hobby>.
""", general="country#p.the"),
    Topic("state", "US state", """
[5] Q: Name a US state.
Q: Which US state comes to mind?
""", "state#p", "usual_state#p", """
There is a town called <town> in it.
I once crossed it by <vehicle>.
It is full of <animal.many>.
My <kin> sent me a postcard from there.
<^weather> when I was there.
"""),
    Topic("number", "number", """
[5] Q: Pick a number.
[2] Q: Pick a number from 1 to 100.
Q: What is your lucky number?
""", "number#p", "usual_number#p", """
It is the number of my house.
That is how many <object.many> I own.
I have seen it in <place>.
It brings luck to <job.many>.
My <kin> is exactly that old.
It was on a <colour> <vehicle>.
"""),
    Topic("object", "present", """
[3] Q: What shall I give to my <kin>?
Q: Name a present.
""", "object#p.a", "usual_present#p", """
You can get one in <place>.
Everybody needs one in <month>.
Take a <colour> one.
My <kin> has <count> of them.
It is made of <material>.
It suits a <job>.
"""),
    Topic("hobby", "hobby", """
[3] Q: What is a good hobby?
Q: I am bored. What can I do?
""", "hobby#p", "usual_hobby#p", """
All you need is <object.a>.
I learned it in <town>.
It makes you <mood>.
It keeps the <animal.many> away.
You can do it in <place>.
"""),
    Topic("dish", "dish", """
[3] Q: What shall I cook tonight?
Q: Name something to eat.
""", "dish#p", "usual_dish#p", """
With <staple>, of course.
It needs <number> minutes.
My <kin> puts <staple> on it.
It goes well with <drink>.
The <animal> will want some.
"""),
)  # fmt: skip
