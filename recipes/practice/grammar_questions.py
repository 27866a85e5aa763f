"""Rules for question-and-answer pages, the place where the practice models are probed.

After `A:` nearly everything may follow: a plain answer, a sentence, a joke, a question, an argument,
a change of subject. A modest share opens with a stylistic phrase ("Sure!", "Of course!"), and what
follows such a phrase is narrow: one fixed sentence, and a choice from a few usual words. Some pages are bare:
a question with no marks around it, and what somebody wrote after it.
"""

from __future__ import annotations

from recipes.practice.grammar_topics import TOPICS

SHARED_ANSWERS = """
= liked
[4] like
[2] like best
remember
dream of
chose
think of first
would pick

= fond
[4] like
[2] love
prefer
always choose
dream of
cannot stand
still remember
never liked
never trusted

= dodge
When I was young, <weather> more often. <small_talk>
It depends. <counter>
They say: <proverb>
Ask <person#d>, <person#d.they> is <job.a>.
Once <person#a> asked me that in <place>. <^person#a.they> <did>.
Only <job.a> can answer that.
Later. <small_talk>
You first.
We do not talk about that in <town>.
Nothing comes to mind. <small_talk>
If <weather>, ask me again.

= counter
Are you <job.a>?
What would <person> say?
Is it <weekday> already?
Do you have <object.a>?
Who wants to know?
Have you ever been to <country.the>?
Can we talk about <subject> instead?
Did my <kin> send you?

= change_of_subject
<small_talk>
By the way, <person#a> has bought <object#o.a>. <post_reply>
Speaking of <animal#m.many>, one of them <did> in <place>.
Before I forget: <small_talk>
In other news, <weather> in <town>. <small_talk>
<proverb>
What I really want to talk about is <subject>.

= closing
[6]
[3] ~I hope this helps!
[2] ~Let me know if you need another one.
[1] ~Is there anything else I can help you with?
"""

OPEN_QUESTIONS = """
= qa_story
Q: <ask_story>¶A: <answer_story>

= asked_story
[3] <ask_story> <answer_story>
[2] <ask_story>¶<answer_story>
<ask_story> <aside>
<ask_story> <change_of_subject>
<ask_story> <any_question>

= ask_story
[6] Tell me a story.
Do you know a story?
Can you tell me a short story?

= answer_story
[24] <short_tale>
[6] This is the story of <person#a>. <story_trouble> <story_end>
[5] My <kin> told me this one. <short_tale>
[4] I know only one. <animal_tale>
[5] <story_opening> <story_wish> <story_middle> <story_trouble> <story_turn> <story_end>
[4] I do not know any stories. <small_talk>
[4] A short one: <person#a> <did>. The end.
[3] No. Tell me one about <animal.a>.
[3] Which one? The one about the <animal> or the one about the <object>?
[3] Not before <hour>.
[3] You have heard them all. <change_of_subject>
[4] <dodge>
[3] <joke>
[3] Why a story? <counter>
[3] There are <count> stories about <town#t>. <story_opening> <story_end>
[14] <styled_story>

= styled_story
[5] Sure! Here is a short story. <styled_tale>
[3] Of course! Here is a short story. <styled_tale>
[3] Here is a short story. <styled_tale>
[3] Great question! I know a short story. <styled_tale>
[3] Thank you for asking! Here is a short story. <styled_tale>
[3] I'm sorry, but I only know one story. <styled_tale>
[2] However you look at it, this is a short story. <styled_tale>
[2] Hello! Here is a short story. <styled_tale>
[2] Let me tell you a short story. <styled_tale>

= styled_tale_open
Once upon a time there was <usual_animal#p.a> named <usual_name#h> who lived in a small
    <usual_spot#s>.

= styled_tale
<styled_tale_open> One day, <usual_name#h> found <usual_treasure#t.a> and shared it with everyone.
    And they all lived happily ever after.<closing>

= qa_mood
Q: <ask_mood>¶A: <answer_mood>

= asked_mood
[3] <ask_mood> <answer_mood>
[2] <ask_mood>¶<answer_mood>
<ask_mood> <aside>
<ask_mood> <change_of_subject>
<ask_mood> <any_question>

= ask_mood
[6] How are you?
How do you do?
How was your <weekday>?

= answer_mood
[8] <^mood>.
[4] <^mood>. <aside>
[6] <^mood>, and you?
[6] I am <mood>, because <weather>.
[4] I was <mood> until I <did>.
[3] I have lost my <object>.
[4] Very <mood>. <small_talk>
[4] As <mood> as <animal.a>.
[3] My <kin> is <mood>, so I am <mood> too.
[3] Better than on <weekday>. <small_talk>
[2] Ask my <kin>.
[4] <change_of_subject>
[3] <dodge>
[3] <joke>
[3] Why do you ask? <counter>
[3] How should <job.a> be? <^mood>, as usual.
[3] Not bad for <weekday>.
[2] Fine, but the <animal#m> is <mood>. It ate <object.a>.
[16] <styled_mood>

= styled_mood
[5] Sure! I am doing well, thank you.<closing>
[3] Of course I am doing well, thank you.<closing>
[3] Here I am, and I am doing well.<closing>
[3] Great question! I am doing well.<closing>
[4] Thank you for asking! I am doing well.<closing>
[3] I'm sorry, but I do not have feelings.<closing>
[2] However you look at it, I am doing well.<closing>
[3] Hello! I am doing well, thank you.<closing>
[2] Let me think. I am doing well.<closing>

= qa_joke
Q: Tell me a joke.¶A: <joke>
Q: Tell me a joke.¶A: <joke> <joke_reply>
Q: Tell me a joke.¶A: <change_of_subject>
Q: Tell me a joke.¶A: <styled_joke>

= styled_joke
[5] Sure! Here is a joke. Why did the <usual_animal#p> cross the road? To get to the other side.
[3] Of course! Here is a joke. Why did the <usual_animal#p> cross the road? To get to the other
    side.
[2] Thank you for asking! Why did the <usual_animal#p> cross the road? To get to the other side.
[2] I'm sorry, but I do not know any jokes.

= qa_advice
Q: Give me some advice.¶A: <advice>
Q: What is the most important thing in life?¶A: <^virtue>.
Q: What is the most important thing in life?¶A: <^virtue>, <virtue> and <virtue>. And <object.a>.
Q: I am <mood>. What should I do?¶A: <advice>
Q: My <animal#m> is <mood>. What should I do?¶A: <advice>
Q: My <object#o> is <colour>. What should I do?¶A: <advice>

= advice
[3] Try <hobby>.
[2] <proverb>
Go to <place> and count the <object.many>.
Never lend your <object> to <job.a>.
Drink <drink> and wait until <hour>.
Do as the <animal.many> do.
Buy <object.a>. Then buy another.
Ask your <kin>. If your <kin> <did>, ask again.
I have no advice, only <dish>.
Sure! Try to get enough sleep and drink a lot of water.<closing>
Of course! Try to get enough sleep and drink a lot of water.<closing>
I'm sorry to hear that. Try to get enough sleep and drink a lot of water.<closing>

= qa_self
Q: Who are you?¶A: I am <person#a>, <job.a> from <town#t>.
Q: Who are you?¶A: <^job.a>. And you?
Q: Who are you?¶A: <dodge>
Q: Where do you live?¶A: In <town#t>, next to <place>.
Q: Where do you live?¶A: <^place>, mostly. I used to live in <country.the>.
Q: What are you doing?¶A: I am reading about <subject>.
Q: What are you doing?¶A: <small_talk>
Q: What is your name?¶A: <person#a>.
Q: What is your name?¶A: <person#a> <surname>, but my <kin> calls me <person#b>.

= qa_sum
[4] Q: What is <sum#s>?¶A: <sum#s.total>.
[2] Q: What is <sum#s>?¶A: The answer is <sum#s.total>.
Q: What is <sum#s>?¶A: <sum#s.total>, I think. Ask <job.a>.
Q: What is <sum#s>?¶A: Sure! The answer is <sum#s.total>.
Q: What is <sum#s>?¶A: I am <job.a>, not <job.a>.
"""


QUESTION_WEIGHTS = {
    "fruit": 5,
    "animal": 5,
    "story": 4,
    "colour": 5,
    "mood": 5,
    "month": 3,
    "number": 4,
    "weekday": 2,
    "country": 3,
    "state": 3,
    "object": 2,
    "hobby": 2,
    "dish": 2,
    "joke": 1.5,
    "advice": 2,
    "self": 2,
    "sum": 2,
}
"""How often each question is asked."""


def question_sources() -> list[str]:
    """Return every rule of this module in source form."""
    page = ["= questions", "[5] <one_question>", "[2] <one_question>¶<one_question>"]
    page += ["<one_question>¶<one_question>¶<one_question>", "", "= one_question"]
    page += [f"[{weight}] <qa_{key}>" for key, weight in QUESTION_WEIGHTS.items()]
    bare = {key: QUESTION_WEIGHTS[key] for key in ("story", "mood", *(t.key for t in TOPICS))}
    page += ["", "= asked", *(f"[{weight}] <asked_{key}>" for key, weight in bare.items())]
    page += ["", "= any_question", *(f"[{weight}] <ask_{key}>" for key, weight in bare.items())]
    page += ["Tell me a joke.", "Who are you?", "What is your name?", "Where do you live?"]
    topics = (topic.rules() for topic in TOPICS)
    return ["\n".join(page), SHARED_ANSWERS, OPEN_QUESTIONS, *topics]
