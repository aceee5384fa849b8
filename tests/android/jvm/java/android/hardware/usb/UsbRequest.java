package android.hardware.usb;

import java.nio.ByteBuffer;

public class UsbRequest {
    ByteBuffer buffer;
    volatile boolean cancelled = false;
    private UsbDeviceConnection connection;
    private Object data;

    public UsbRequest() {
    }

    public boolean initialize(UsbDeviceConnection connection, UsbEndpoint endpoint) {
        this.connection = connection;
        return endpoint.getDirection() == UsbConstants.USB_DIR_IN;
    }

    public void setClientData(Object data) {
        this.data = data;
    }

    public Object getClientData() {
        return data;
    }

    public boolean queue(ByteBuffer buffer, int length) {
        this.buffer = buffer;
        return connection.wait(this);
    }

    public boolean cancel() {
        cancelled = true;
        return true;
    }

    public void close() {
        connection = null;
    }
}
