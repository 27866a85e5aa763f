"""Chat templates of several families, in our own wording, over the control tokens of `tests.models.bpe_vocab`."""

CHATML = """\
{%- for message in messages %}
<|user|>{{ message['role'] }}
{{ message['content'] }}<|end|>
{% endfor %}
{%- if add_generation_prompt %}
<|user|>assistant
{% endif %}
"""
"""Writes every role by its name and changes no content."""

WITH_BOS = """\
{{- bos_token }}
{%- for message in messages %}
    {{- '<|user|>' ~ message.role ~ '\\n\\n' ~ (message.content | trim) ~ '<|end|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|user|>assistant\\n\\n' }}
{%- endif %}
"""
"""Begins with the start token itself and trims what is said."""

STRICT = """\
{%- if messages[0].role == 'system' %}
    {{- raise_exception('this model takes no system text') }}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('the turns must alternate') }}
    {%- endif %}
    {%- set role = 'model' if message.role == 'assistant' else message.role %}
    {{- '<|user|>' + role + '\\n' + message.content.strip() + '<|end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|user|>model\\n' }}
{%- endif %}
"""
"""Refuses a system text, checks the turns, and calls the assistant by another name."""

SPACED = """\
{%- for message in messages %}
    {%- if message.role == 'user' %}
        {{- bos_token + '[ask] ' + message.content + ' [/ask]' }}
    {%- elif message.role == 'system' %}
        {{- '[sys] ' + message.content + ' [/sys]' }}
    {%- else %}
        {%- generation %}{{ ' ' + message.content + ' ' + eos_token }}{% endgeneration %}
    {%- endif %}
{%- endfor %}
"""
"""Marks turns with plain words, puts a space on both sides of an answer, begins each exchange with the start token."""

FAMILIES = {"chatml": CHATML, "with-bos": WITH_BOS, "strict": STRICT, "spaced": SPACED}
