"""Rules for pages written at home: recipes, how-to pages, letters."""

RECIPES = """
= recipe
[3] <recipe_title>¶¶<recipe_needs>¶¶<recipe_steps>
[2] <recipe_title>¶<recipe_intro>¶<recipe_needs>¶<recipe_steps>¶<recipe_note>
<recipe_title>¶¶<recipe_needs>¶¶<recipe_steps>¶¶<recipe_note>

= recipe_title
[3] <^fruit#f> cake
[2] <^vegetable#v> soup
<^vegetable#v> and <fruit#f> salad
<^kin> <person#a>'s <fruit#f> pie
Baked <fruit#f> with <staple#s>
<^fruit#f> jam, the quick way
<^vegetable#v> pancakes
Cold <fruit#f> soup from <country.the>
<^dish>, but with <fruit#f.many>

= recipe_intro
Serves <count>, or one <job>.
This is what we eat in <town> when <weather>.
My <kin> made this every <weekday>.
You can make it in <number> minutes.
It tastes best in <month>.
People who do not like <fruit.many> will not notice.

= recipe_needs
You need <count> <fruit#f.many>, <count> <vegetable#v.many>, <staple#s> and <staple#t>.
Ingredients: <fruit#f.many>, <staple#s>, <staple#t>, <staple#u>.
Take <count> <vegetable#v.many>, <fruit#f.a>, some <staple#s> and a little <staple#t>.
You need: <number> grams of <staple#s>, <number> grams of <staple#t>, <fruit#f.a>.

= recipe_steps
1. <recipe_first>¶2. <recipe_then>¶3. <recipe_last>
1. <recipe_first>¶2. <recipe_then>¶3. <recipe_then>¶4. <recipe_last>
<recipe_first> <recipe_then> <recipe_last>
<recipe_first> <recipe_then> <recipe_then> <recipe_last>

= recipe_first
Chop the <fruit#f.many>.
Peel the <vegetable#v.many> and cut them into <digit> pieces.
Mix the <staple#s> with the <staple#t>.
Wash the <fruit#f.many> <adverb>.
Melt the <staple#s> in a small pot.
Heat the oven and find <object.a>.

= recipe_then
Add the <staple#s> and stir <adverb>.
Cook for <number> minutes.
Stir until it is <colour>.
Let it stand for <number> minutes.
Fold in the <fruit#f.many>.
Add <staple>, but not too much.
Turn it over <adverb>.
Wait until <hour>.
If it burns, add <drink>.
Season with <staple> and <staple>.

= recipe_last
Serve with <drink>.
Serve warm, with <staple>.
Eat it at once.
Bake for <number> minutes and serve with <dish>.
Decorate with <fruit.many>.
Serve it to your <kin> and say nothing.
Let it cool and hide it from the <animal>.

= recipe_note
Note: it also works with <fruit.many>.
Note: do not use <staple>.
Keeps for <count> days.
Tip: leave out the <staple#s>.
My <kin> adds <staple>. I do not talk to my <kin> any more.
"""

HOW_TO = """
= how_to
[3] How to <task>¶¶1. <how_first>¶2. <how_then>¶3. <how_last>
[2] How to <task>¶¶1. <how_first>¶2. <how_then>¶3. <how_then>¶4. <how_last>
[2] How to <task> in <digit> minutes¶¶<how_first> <how_then> <how_last>
How not to <task>¶¶<how_first> <how_then> <how_last> <how_warning>
How to <task>¶¶You need <object#o.a>, <object.a> and <virtue>. <how_first> <how_then> <how_last>
    <how_warning>

= task
repair <object#o.a>
paint <object#o.a> <colour>
clean <object#o.a>
carry <object#o.a> to <place>
hide <object#o.a>
teach <animal.a> to use <object#o.a>
sell <object#o.a>
draw <object#o.a>
build <object#o.a> out of <material>
wrap <object#o.a>
talk to <kin.a> about <object#o.a>

= how_first
Put the <object#o> on a table.
Look at the <object#o> from all sides.
Find a quiet place, such as <place>.
Ask your <kin> for permission.
Make sure that no <animal> is watching.
Wash your hands and the <object#o>.
Take off the lid of the <object#o>.
Read this page to the end.
Begin on <weekday.a>.

= how_then
Hold the <object#o> with both hands.
Turn the <object#o> <adverb>.
Wrap it in <material>.
Wait for <number> minutes.
Rub it with <staple>.
Use <object.a> if you have one.
Tie it to <tree.a>.
Drink some <drink> and start again.
Count to <number>.
Cover it with <material> and <material>.
If it makes a noise, step back <adverb>.
Sing to it <adverb>.

= how_last
Now the <object#o> is as good as new.
If it still does not work, call <job.a>.
Put everything back where it was.
Give the <object#o> to your <kin>.
You are done. It took <number> minutes.
Do not tell anybody.
Repeat this every <weekday>.
Congratulations: you own <quality.a> <object#o>.

= how_warning
Never do this in <month>.
Keep away from <animal.many>.
Not suitable for <job.many>.
This also works with <object.a>.
Mind your <object>.
"""

LETTERS = """
= letter
[3] <letter_head>¶¶<letter_start> <letter_news> <letter_ask>¶¶<letter_end>
[2] <letter_head>¶¶<letter_start> <letter_news> <letter_news> <letter_ask>¶¶<letter_end>
<letter_head>¶¶<letter_news> <letter_ask>¶¶<letter_end>¶P.S. <letter_after>
<letter_head>¶¶<complaint>¶¶<formal_end>

= letter_head
[3] Dear <person#b>,
Dear cousin <person#b>,
My dear <person#b>,
Dear neighbour,
To the <job> of <town#t>,
<town#t>, <month> <day>¶¶Dear <person#b>,

= letter_start
How are you? I am <mood>.
I hope that you are well and not <mood>.
Many thanks for the <object#o>.
It has been <count> years since I last wrote.
<^weather> when I began this letter.
I am writing from <place>.
Greetings from <country.the>!
Your letter reached me on <weekday>.

= letter_news
My <kin> has taken up <hobby>.
The <animal> is well and eats only <fruit.many>.
We have painted the <object> <colour>.
Last <weekday> <weather>, and we all <did>.
I have a new job as <job.a>.
<person> sends love, and <object.a>.
The <flower.many> in <place> are out.
I have been learning the <instrument>. The neighbours have moved.
There was <feast> in <town>, and everyone <did>.
At night I think about <subject>.
The <vehicle> broke down again.
We eat <dish> every <weekday>.
Nothing ever happens here, except that <weather>.

= letter_ask
Please send <fruit.many>.
When will you visit?
Do you still have my <object#o>?
Write soon!
Could you bring <object.a> on <weekday>?
Tell <person#d> that I forgive <person#d.them>.
Let me know whether the <animal> came back.
I must stop now, because it is <hour>.

= letter_end
Love,¶<person#a>
Yours,¶<person#a>
With best wishes,¶<person#a>
Your friend <person#a>
Your neighbour,¶<person#a>
Warmly,¶<person#a>

= letter_after
The <object#o> was empty.
Burn this letter.
It was <colour>, by the way.
I have counted the <animal.many>. There are <number>.
Do not tell <person>.
<^virtue> is all we need.

= complaint
I wish to complain about the <object#o> that I bought from you on <weekday>. It is <quality> and
    <quality>.
    My <kin> <did> when it arrived. Please send me another one, or <count> <fruit.many>.
For <count> days your <animal#m> has been in my garden. It has eaten <count> <flower.many> and
    <object.a>.
    I am <mood>, but not yet <mood>.
The <instrument#i> next door is played <adverb> every night until <hour>. I have nothing against
    the <instrument#i>.
    I have <job.a> in the family.
As <job.a>, I must tell you that your <object#o> is not <quality> enough. Please paint it <colour>.

= formal_end
Yours faithfully,¶<person#a> <surname#s>
Yours sincerely,¶<person#a> <surname#s>
With respect,¶<person#a> <surname#s>, <job>
"""
