package android.app;

public final class ApplicationExitInfo {
    private final int reason;
    private final long timestamp;
    private final int status;
    private final int pid;
    private final String process;
    private final String description;

    ApplicationExitInfo(int reason, long timestamp, int status, int pid, String process, String description) {
        this.reason = reason;
        this.timestamp = timestamp;
        this.status = status;
        this.pid = pid;
        this.process = process;
        this.description = description;
    }

    public int getReason() {
        return reason;
    }

    public long getTimestamp() {
        return timestamp;
    }

    public int getStatus() {
        return status;
    }

    public int getPid() {
        return pid;
    }

    public String getProcessName() {
        return process;
    }

    public String getDescription() {
        return description;
    }
}
