"""Between screens and agent: one JSON object a line, both ways, over a Unix socket in their folder.

    screens → agent    {"id": 7, "do": "pause", "until_s": null}
    agent → screens    {"id": 7, "ok": true, …}   or   {"id": 7, "error": "what is wrong, and what to do"}
                       {"event": "decided", …}    as things happen
                       {"event": "alive"}         each second in which nothing else is said

The first line from the agent is {"event": "hello", "link": 1, "pid": …}. No pickles: what comes in is data, and bad input an
answer. `circadia_app.service` says what can be asked.
"""
