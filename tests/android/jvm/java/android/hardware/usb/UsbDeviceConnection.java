package android.hardware.usb;

import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.Deque;
import org.circadia.fake.Usb;

/**
 * A board behind a pseudo-terminal. As a board it sends nothing before it knows its baud rate, in packets of an endpoint's
 * size, and only into requests that wait for it.
 */
public class UsbDeviceConnection {
    private final UsbDevice device;
    private final Deque<UsbRequest> waiting = new ArrayDeque<UsbRequest>();
    private FileInputStream in;
    private FileOutputStream out;
    private volatile int baud = 0;
    private volatile boolean closed = false;
    private int claimed = 0;

    UsbDeviceConnection(UsbDevice device) {
        this.device = device;
        try {
            in = new FileInputStream(device.path);
            out = new FileOutputStream(device.path);
        } catch (IOException error) {
            throw new IllegalStateException(error);
        }
        Usb.EVENTS.add("opened");
    }

    public boolean claimInterface(UsbInterface intf, boolean force) {
        if (Usb.busy) {
            return false;
        }
        claimed++;
        return true;
    }

    public boolean releaseInterface(UsbInterface intf) {
        claimed--;
        return true;
    }

    public int controlTransfer(
            int requestType, int request, int value, int index, byte[] buffer, int length, int timeout) {
        if (gone() || claimed != device.getInterfaceCount() || requestType != 0x21) {
            return -1;
        }
        if (request == 0x20) {
            ByteBuffer coding = ByteBuffer.wrap(buffer, 0, length).order(ByteOrder.LITTLE_ENDIAN);
            baud = coding.getInt();
            Usb.EVENTS.add(baud + " baud, stop " + coding.get() + ", parity " + coding.get() + ", bits " + coding.get() + " to " + index);
        } else {
            Usb.EVENTS.add("lines " + value + " to " + index);
        }
        return length;
    }

    public int bulkTransfer(UsbEndpoint endpoint, byte[] buffer, int offset, int length, int timeout) {
        int sent = Math.min(length, endpoint.getMaxPacketSize());
        if (gone() || endpoint.getDirection() != UsbConstants.USB_DIR_OUT) {
            return -1;
        }
        try {
            out.write(buffer, offset, sent);
        } catch (IOException error) {
            return -1;
        }
        return sent;
    }

    public UsbRequest requestWait() {
        try {
            while (true) {
                UsbRequest done = finished();
                if (done != null) {
                    return done;
                }
                if (gone()) {
                    return null;
                }
                Thread.sleep(1);
            }
        } catch (IOException error) {
            return null;
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            return null;
        }
    }

    private synchronized UsbRequest finished() throws IOException {
        UsbRequest first = waiting.peek();
        if (first == null || !first.cancelled && (baud == 0 || gone() || in.available() == 0)) {
            return null;
        }
        waiting.remove();
        if (!first.cancelled) {
            byte[] packet = new byte[Math.min(first.buffer.capacity(), 64)];
            first.buffer.put(packet, 0, in.read(packet));
        }
        return first;
    }

    synchronized boolean wait(UsbRequest request) {
        return !gone() && waiting.add(request);
    }

    private boolean gone() {
        return closed || !Usb.plugged(device);
    }

    public synchronized void close() {
        closed = true;
        Usb.EVENTS.add("closed with " + claimed + " claimed");
        try {
            in.close();
            out.close();
        } catch (IOException error) {
            throw new IllegalStateException(error);
        }
    }
}
