package org.circadia.android;

/** What the agent, in Python, hears from its service. Both are called on the service's main thread and return soon. */
public interface ServiceListener {
    /** The agent is to end: commit and return within BoundedService.PATIENCE_MS; `why` is a word for the log. */
    void ending(String why);

    /** The app was swiped away; the service goes on. */
    void taskRemoved();
}
