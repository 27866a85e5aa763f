"""Rules for talk: forum threads, dialogues, and the jokes and sayings that other rules borrow."""

SAYINGS = """
= joke
Why did the <animal#k> cross the road? To get to <place>.
What do you call <animal#k.a> with <object#q.a>? <^job.a>.
How many <job#y.many> does it take to change a lamp? <^count>, and one <animal#k> to watch.
<^animal#k.a> walks into <place>. "Why the long face?" asks the <job>. "It is <weekday>," says the
    <animal#k>.
What is <colour> and sounds like <instrument.a>? <^instrument.a>, painted <colour>.
My <kin> told me to stop behaving like <animal#k.a>. I <did>.
I used to be <job#y.a>, but then I <did>.
What did the <object#q> say to the <object#r>? Nothing. They are <object.many>.
Two <animal#k.many> sit in <place>. Says one: "It is <mood> in here." Says the other: "A talking
    <animal#k>!"

= proverb
<^animal.a> in the hand is worth two in <place>.
He who buys <object.a> on <weekday> needs <virtue>.
When the <animal#k> sleeps, the <animal#l.many> dance.
No <job> was ever born with <object.a>.
<^virtue> is the <object> of the <mood>.
Better <fruit.a> today than <count> <fruit.many> tomorrow.
Too many <job.many> spoil the <vegetable>.
You cannot teach an old <animal> <subject>.
Every <object> has <quality.a> side.

= aside
<person> <did>.
<person> <did> <adverb>.
<^animal.many> <did>.
<^weather>.
<^fruit.many> and <vegetable.many>.
<^mood>, <mood>, <mood>.
<^hobby>!
<^count> <quality> <object.many>.
<^material> and <material>.
<^staple>, <staple>, <drink>.
<^place>, <hour>.
Once more <dish>.
<town> in <month>.
<^colour>. Always <colour>.
<^subject>, <subject> and <subject>.
<^adverb>, my <kin> <did>.
<^job.many> <did>. <^animal.many> <did>.
See you in <town>.
Buy <object.many>.
Never sell <fruit.many>.
Bring <dish>.
Think of <person>.
No <animal.many> today.
Some <quality> <object>, perhaps.
And yet <weather>.
But <person> <did>.
Or <virtue>.
Not in <country.the>.
At <hour> <person> <did>.
Ask <person>.

= small_talk
<^weather> on <weekday>.
I had <dish> at <hour>.
My <kin> is learning the <instrument>.
The <vehicle> was late again.
There are <count> <animal.many> in <place>.
I have lost my <object>.
I would rather talk about <subject>.
In <month> I am going to <country.the>.
Have you heard about <person>? <^person> <did> in <place>.
Somebody has painted the <object> <colour>.
"""

FORUMS = """
= forum
[3] <thread_title>¶¶<user#1>: <post_open>¶<user#2>: <post_reply>¶<user#1>: <post_back>
[2] <thread_title>¶¶<user#1>: <post_open>¶<user#2>: <post_reply>¶<user#3>: <post_reply>¶<user#1>:
    <post_back>
[2] <thread_title>¶¶<user#1>: <post_open>¶<user#2>: <post_reply>¶<user#3>: <post_fight>¶<user#2>:
    <post_fight>
    ¶<moderator>
<thread_title>¶¶<user#1>: <post_open>¶<user#2>: <post_reply>
<thread_title>¶¶<user#1>: <post_open>¶(no replies)

= thread_title
Thread: my <object#o> <did>
Thread: <animal#m> or <animal#n>?
Thread: help with <hobby>
Thread: best <object#o> for <job.a>?
Thread: [solved] <colour> <object#o>
Thread: is <subject> worth it?
Thread: unpopular opinion about <fruit#f.many>
Thread: <town#t> meeting on <weekday>

= post_open
Hi all, my <object#o> is <colour> and <quality> since <weekday>. Is that normal?
I have had <animal#m.a> for <count> years and now it <did>. What should I do?
Does anyone here have experience with <hobby>?
Which one is better, <object#o.a> or <object#p.a>?
I think that <fruit#f.many> are overrated.
My <kin> wants <object#o.a> for <person#a.their> birthday. <person#a> is <job.a>. Ideas?
First post, be kind. I live in <town#t> and collect <object#o.many>.
Long story short: <weather>, I <did>, and now the <object#o> is in <place>.
I followed the manual, but the <object#o> only <did>.

= post_reply
[2] Same here. Mine <did> after <number> days.
Have you tried <staple>?
Have you tried turning the <object#o> around?
Read the manual.
I am <job.a>, and this is perfectly normal.
You need <object.a>. Everything else is <quality>.
My <kin> had that too. It went away in <month>.
Use <material>, never <material>.
Try <hobby> first.
Pictures please.
Ask <job.a>.
Off topic, but what <animal> is that?
This again? There are <number> threads about it.
In <country.the> we use <animal.a> for that.
It depends on the <object#p>.

= post_fight
That is nonsense.
As <job.a>, I disagree.
You clearly have never owned <object.a>.
Typical for somebody from <town>.
I have <number> posts here, so I must be right.
Nobody asked for <fruit.many>.
Spelling.
My <animal> knows more about <subject> than you.
Please stay polite, we are talking about <object#o.many>.

= post_back
Thanks, that worked!
Thanks, but now it is <colour>.
Update: it <did>.
Never mind, I have sold it.
I tried that on <weekday>. Now the <animal> is <mood>.
Wow, <count> answers. I will ask my <kin>.
It was the <object#p> all along.
No, it is <quality.a> one.
I love this forum.
Too late. It is in <place> now.

= moderator
Moderator: closed at <hour>.
Moderator: moved to <subject>.
Moderator: <proverb>
Moderator: please stop.
"""

DIALOGUES = """
= dialogue
[3] <person#a>: <talk_open>¶<person#b>: <talk_reply>¶<person#a>: <talk_next>¶<person#b>:
    <talk_close>
[2] <person#a>: <talk_open>¶<person#b>: <talk_reply>¶<person#a>: <talk_next>¶<person#b>:
    <talk_next>¶<person#a>:
    <talk_next>¶<person#b>: <talk_close>
<person#a>: <talk_open>¶<person#b>: <talk_reply>¶<person#a>: <talk_close>
At <place>.¶¶<person#a>: <talk_open>¶<person#b>: <talk_reply>¶<person#a>: <talk_next>¶<person#b>:
    <talk_close>
<person#a>: <joke>¶<person#b>: <joke_reply>
Customer: Do you have <object#o.many>?¶Shopkeeper: <shop_reply>¶Customer: <shop_close>

= talk_open
Hello <person#b>! How are you?
Good morning. Is it <weekday> already?
Have you seen my <object#o>?
Do you like <fruit#f.many>?
What are you doing in <place>?
Guess what I found in <place>.
I have bought <animal#m.a>.
You look <mood>.
I am leaving for <country.the> in <month>.
May I borrow your <object#o>?
Who ate all the <fruit.many>?
What time is it?
I have decided to become <job#j.a>.

= talk_reply
[2] Oh, <person#a>. I am <mood>, thank you.
No. Why?
Yes, on <weekday>.
It is <hour>.
That depends.
I <did>.
Not again.
Is that <colour>?
Ask <person#c>.
With pleasure, but it is <quality>.
You said that last <month>.
My <kin> said the same.
I was just thinking about <subject>.
Please speak more slowly, I am learning the <instrument>.

= talk_next
Then what about the <object#o>?
I never liked <animal#m.many>.
<small_talk>
Because <weather>.
<person#c> says it is <colour>.
Let us go to <place>.
I would rather have <dish>.
It cost <number> coins!
<proverb>
That is what <person#c> said, and then <person#c.they> <did>.
Are you sure?
Quite sure.
Do not tell <person#c>.
And the <animal#m>?

= talk_close
Good night, <person#a>.
See you on <weekday>.
I knew it.
Then we agree.
Tea?
I need <object.a>.
Fine. I will ask the <animal#m>.
Well, it is <hour>. Goodbye.
Let us never speak of this again.
You are <mood.a> person.
And they <did>.

= joke_reply
I do not get it.
Very funny.
That joke is <number> years old.
My <kin> tells it better.
Ha.
I am <animal#k.a>.

= shop_reply
Only <colour> ones.
Yes, <number> coins each.
Not since <month>.
We have <object#p.many>. They are nearly the same.
This is <quality.a> <object#p> shop.
For <job.a> or for <animal.a>?
The last one was sold to <job.a>.

= shop_close
I will take <count>.
Then I will have <object#p.a>.
My <kin> was right about this shop.
Do you have them in <colour>?
Thank you, goodbye.
I only wanted to get out of the rain.
"""
