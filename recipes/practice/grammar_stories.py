"""Rules for short stories.

Bound words: a hero (#a), a friend (#b), a town (#t), a thing (#o), animals (#m, #n).
"""

STORIES = """
= story
[3] <story_opening> <story_wish> <story_trouble> <story_turn> <story_end>
[2] <story_opening> <story_middle> <story_turn> <story_end>
[2] <story_opening> <story_trouble> <story_talk> <story_turn> <story_end>
<story_opening> <story_trouble> <story_end>
<animal_tale>
<title>¶¶<story_opening> <story_wish> <story_middle> <story_trouble> <story_turn> <story_end>
[2] <title>¶¶<story_opening> <story_wish> <story_middle> <story_talk>¶<story_trouble>
    <story_middle> <story_talk>¶
    <story_turn> <story_turn> <story_end>

= title
The <object#o> of <town#t>
<person#a> and the <animal#m>
<^job.a> in <town#t>
The Day the <object#o> Was Late
How <person#a> Learned to Like <weekday.many>
<^count> <object.many> and <object#o.a>

= short_tale
[3] <story_opening> <story_trouble> <story_end>
[2] <story_opening> <story_wish> <story_turn> <story_end>
<animal_tale>

= story_opening
[5] Once upon a time there was <job#j.a> called <person#a>, who lived in <town#t>.
[3] Once upon a time there was <mood.a> <animal#m> that lived near <town#t> with <job.a> named
    <person#a>.
[3] One <weekday> in <month>, <person#a> found <quality.a> <object#o> in <place>.
[2] <person#a> was <mood.a> <job#j> with <quality.a> <object#o>.
[2] In <town#t> there lived <mood.a> <job#j>, and <person#a.their> name was <person#a>.
[2] Nobody in <town#t> knew why <person#a> kept <animal#m.a> in <place>.
[2] <person#a> and <person#b> had been neighbours for <count> years.
[2] It was <hour>, and <person#a> could not sleep.
Long ago, when <town#t> was still a village, <job#j.a> named <person#a> owned the only <object#o>
    for miles.
On the first of <month>, <weather> in <town#t>, and <person#a> lost <person#a.their> <object#o>.
Every morning at <hour>, <person#a> walked to <place> with <animal#m.a>.
The letter for <person#a> arrived on <weekday.a>, <count> years late.
My neighbour <person#a> once bought <object#o.a> from <animal.a>. At least, that is how
    <person#a.they> told it.
There are <count> stories about <town#t>, and this is the one about <person#a>.
When <person#a> was young, <person#a.they> wanted to be <job#j.a>.

= story_wish
<^person#a.they> wanted <object#o.a> more than anything in the world.
<^person#a.they> dreamed of <hobby> and of little else.
All <person#a.they> wished for was <virtue>.
<^person#a.they> had always wanted to see <country.the>.
More than anything, <person#a.they> wanted to learn the <instrument>.
<^person#a.they> had promised <person#a.their> <kin> never to open the <object#o>.
<^person#a.they> had one rule: never trust <animal.a>.
People said that <person#a.they> could talk to <animal.many>. It was true, but they never listened.
Every <weekday>, <person#a.they> went to <place> and asked for <fruit.a>.
<^person#a.they> was saving for <colour.a> <vehicle>.

= story_trouble
But one day the <object#o> was gone.
But one <weekday> <animal#m.a> walked in and asked for the <object#o>.
Then <weather>, and the road to <town#t> was closed.
One night somebody knocked <count> times at the door.
That was when the <object#o> began to hum.
Then a stranger came to <town#t> with <quality.a> <object>, and everything changed.
Unfortunately, the <object#o> belonged to <job.a>.
In <month>, <person#a.their> <kin> fell ill, and there was no money left.
Then the mayor forbade all <animal.many>.
The trouble started when <person#a.they> ate <count> <fruit.many> before breakfast.
The next morning the whole of <place> had turned <colour>.
Soon there was a rumour that <person#a> was really <animal.a>.
Then <person#a.they> met <person#b>, who was <mood>.
But the <animal#m> had other plans.

= story_middle
On the way <person#a.they> met <person#b>, <mood.a> <job> with <quality.a> <object>.
For <count> days <person#a.they> lived on <fruit.many> and <drink>.
<^person#a.they> <did>, and then <person#a.they> <did>.
First <person#a.they> looked in <place>, then in <place>, and then under the <object>.
In the evening <weather>, and <person#a.they> <did>.
<^person#a.they> painted it <colour>, because <colour> was the only colour left.
<^person#a.they> asked <job.a>, <job.a> and <animal.a>, and got <count> answers.
The <animal#m> followed <person#a.them> <adverb>.

= story_talk
"Is this your <object#o>?" asked <person#b>. "It was," said <person#a>.
"You look <mood>," said <person#b>. "I am only hungry," said <person#a>.
"I can help," said <person#b> <adverb>, "but it will cost you <count> <fruit.many>."
"What would <animal.a> do?" asked <person#b>. <person#a> <did>.
"Never mind," said <person#b>. "Tomorrow is <weekday>."
"Have you tried <hobby>?" asked <person#b>. <person#a> had not.
"Nobody comes here on <weekday.a>," said <person#b>, and <did>.

= story_turn
So <person#a.they> <did> and <did>.
<person#a> <did> <adverb>, and the <animal#m> <did>.
Then <person#b> <did>, and <person#a> understood everything.
In the end it was <person#b> who found it, behind the <object>.
<^person#a.they> went to <place> and <did>.
It took <count> days, <count> <object.many> and a lot of <virtue>.
At <hour>, <person#a.they> opened the <object#o>, and inside was <object.a>.
<^person#a.they> gave the <object#o> to <person#b>, who <did>.
Just then <weather>, and everyone <did>.
"Follow me," said the <animal#m>, and <person#a> did.
<^person#a.they> sold the <object#o> and bought <count> <animal.many>.

= story_end
[3] And they lived happily ever after.
[2] <person#a> never <did> again.
[2] From that day on, <person#a> was the happiest <job> in <town#t>.
[2] And that is why there are no <animal.many> in <town#t>.
The <object#o> is still there, if you know where to look.
<person#a> and <person#b> are friends to this day.
And the <animal#m>? It <did>.
Nobody believed <person#a.them>, but the <object#o> was <colour> from then on.
After that, <person#a.they> only drank <drink>.
"Well," said <person#a>, "that was <weekday>."
The end.
It was <mood.a> end to <quality.a> day.
To this day, people in <town#t> eat <fruit.many> on the first of <month>.
On some nights <person#a.they> still <did>.
All it had needed was <virtue>.

= animal_tale
<animal#m.a> and <animal#n.a> met at <place>. "You are <mood>," said the <animal#m>.
    "I am <animal#n.a>," said the <animal#n>, and that was the end of it.
[2] <^mood.a> <animal#m> wanted to be <animal#n.a>. It bought <object#o.a>, practised <hobby>, and
    ate only <fruit.many>.
    <animal_moral>
The <animal#m> and the <animal#n> had a race to <place>. The <animal#m> was faster, but the
    <animal#n> had <virtue>.
    <animal_moral>
[2] Once <animal#m.a> found <object#o.a>. "What is it?" asked the <animal#n>. "Mine," said the
    <animal#m>. <animal_moral>

= animal_moral
In the end the <animal#n> <did>, and the <animal#m> <did>.
The moral: <virtue> is better than <object#o.a>.
The <animal#m> learned nothing, but it was <mood>.
Since then, <animal#m.many> do not trust <animal#n.many>.
And so it stayed <animal#m.a>, <adverb>.
"Next time," said the <animal#m>, "I shall bring <fruit.a>."
"""
