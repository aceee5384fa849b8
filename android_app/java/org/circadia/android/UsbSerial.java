package org.circadia.android;

import android.app.PendingIntent;
import android.content.Context;
import android.content.Intent;
import android.hardware.usb.UsbConstants;
import android.hardware.usb.UsbDevice;
import android.hardware.usb.UsbDeviceConnection;
import android.hardware.usb.UsbEndpoint;
import android.hardware.usb.UsbInterface;
import android.hardware.usb.UsbManager;
import android.hardware.usb.UsbRequest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/**
 * Serial lines over USB, for a caller that speaks texts and bytes only: devices of the class CDC-ACM (USB's own, "PSTN
 * Subclass", 1.2). Lines go by the device's name. Android 6's API only.
 *
 * <p>Several requests are always waiting in the kernel, for such a device has room for a few milliseconds only: a read that
 * is asked for when somebody wants it comes too late, and one that ends by a timeout may lose what it had.
 */
public final class UsbSerial implements Runnable {
    /** Texts a device has in devices. */
    public static final int FIELDS = 5;

    private static final String PERMISSION = "org.circadia.android.USB";
    private static final int ACM = 2; // the subclass of a CDC control interface
    private static final int TO_INTERFACE = 0x21; // host to device, of a class, to an interface
    private static final int SET_LINE_CODING = 0x20;
    private static final int SET_CONTROL_LINE_STATE = 0x22;
    private static final int RTS = 2; // without DTR (1), at whose rise an Arduino is reset
    private static final int CONTROL_MS = 1000;
    private static final int WRITE_MS = 1000;
    private static final int WAITING = 16; // requests
    private static final int CHUNKS = 8192; // of an endpoint's packet: 10 s of a busy meter
    private static final long END_MS = 1000;

    private static final Map<String, UsbSerial> OPEN = new ConcurrentHashMap<String, UsbSerial>();

    /** For whom the person was asked; until unplugged. It outlives an agent that begins anew in this process. */
    private static final Map<String, Boolean> ASKED = new ConcurrentHashMap<String, Boolean>();

    private final UsbDeviceConnection connection;
    private final UsbInterface control;
    private final UsbInterface data;
    private final UsbEndpoint out;
    private final List<UsbRequest> requests = new ArrayList<UsbRequest>();
    private final BlockingQueue<byte[]> arrived = new ArrayBlockingQueue<byte[]>(CHUNKS);
    private final Thread reader = new Thread(this, "circadia-usb");
    private volatile boolean closing = false;
    private volatile boolean gone = false;

    private UsbSerial(UsbDeviceConnection connection, UsbInterface control, UsbInterface data) {
        this.connection = connection;
        this.control = control;
        this.data = data;
        this.out = endpoint(data, UsbConstants.USB_DIR_OUT);
    }

    /** Of each device that is plugged in: name, vendor and product as hexadecimal digits, "acm" or nothing, "granted" or nothing. */
    public static String[] devices(Context context) {
        UsbManager manager = manager(context);
        Map<String, UsbDevice> there = new TreeMap<String, UsbDevice>(manager.getDeviceList());
        ASKED.keySet().retainAll(there.keySet());
        List<String> told = new ArrayList<String>();
        for (UsbDevice device : there.values()) {
            told.add(device.getDeviceName());
            told.add(String.format("%04x", device.getVendorId()));
            told.add(String.format("%04x", device.getProductId()));
            told.add(dataOf(device) == null || controlOf(device) == null ? "" : "acm");
            told.add(manager.hasPermission(device) ? "granted" : "");
        }
        return told.toArray(new String[0]);
    }

    /** Android asks the person whether this app may use it, once until it is unplugged; the answer is seen in devices. */
    public static void ask(Context context, String name) throws IOException {
        if (ASKED.put(name, true) != null) {
            return;
        }
        Intent answer = new Intent(PERMISSION).setPackage(context.getPackageName());
        PendingIntent unheard = PendingIntent.getBroadcast(context, 0, answer, PendingIntent.FLAG_IMMUTABLE);
        manager(context).requestPermission(found(context, name), unheard);
    }

    /** For this app alone, with 8 bits, no parity, one stop bit. */
    public static void open(Context context, String name, String baud) throws IOException {
        UsbDevice device = found(context, name);
        UsbInterface control = controlOf(device);
        UsbInterface data = dataOf(device);
        if (control == null || data == null) {
            throw new IOException("it is not of the class CDC-ACM");
        }
        UsbDeviceConnection connection = manager(context).openDevice(device);
        if (connection == null) {
            throw new IOException("Android does not open it");
        }
        UsbSerial line = new UsbSerial(connection, control, data);
        try {
            line.begin(Integer.parseInt(baud));
        } catch (IOException error) {
            line.end();
            throw error;
        }
        OPEN.put(name, line);
    }

    /** What has come, at least a byte; none after so many ms without one. */
    public static byte[] read(Context context, String name, String mostMs) throws IOException, InterruptedException {
        UsbSerial line = of(name);
        byte[] chunk = line.arrived.poll(Long.parseLong(mostMs), TimeUnit.MILLISECONDS);
        if (chunk == null && line.gone) {
            throw new IOException("it has been unplugged");
        }
        ByteArrayOutputStream told = new ByteArrayOutputStream();
        while (chunk != null) {
            told.write(chunk, 0, chunk.length);
            chunk = line.arrived.poll();
        }
        return told.toByteArray();
    }

    /** All of it is sent when it returns. */
    public static void write(Context context, String name, ByteBuffer bytes) throws IOException {
        UsbSerial line = of(name);
        byte[] left = new byte[bytes.remaining()];
        bytes.duplicate().get(left);
        for (int at = 0; at < left.length; ) {
            int sent = line.connection.bulkTransfer(line.out, left, at, left.length - at, WRITE_MS);
            if (sent <= 0) {
                throw new IOException("it takes no bytes; has it been unplugged?");
            }
            at += sent;
        }
    }

    /** Lets go of it; a second call does nothing. */
    public static void close(Context context, String name) throws InterruptedException {
        UsbSerial line = OPEN.remove(name);
        if (line != null) {
            line.end();
        }
    }

    /** Takes what comes, until the end or until the device has gone. */
    @Override
    public void run() {
        try {
            while (!closing && took(connection.requestWait())) {}
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        } finally {
            gone = true;
        }
    }

    private boolean took(UsbRequest done) throws InterruptedException {
        if (done == null) {
            return false;
        }
        ByteBuffer buffer = (ByteBuffer) done.getClientData();
        byte[] chunk = new byte[buffer.position()];
        buffer.flip();
        buffer.get(chunk);
        buffer.clear();
        if (chunk.length > 0) {
            arrived.put(chunk);
        }
        return !closing && queued(done, buffer);
    }

    @SuppressWarnings("deprecation") // the other one is of API 26
    private static boolean queued(UsbRequest request, ByteBuffer buffer) {
        return request.queue(buffer, buffer.capacity());
    }

    private void begin(int baud) throws IOException {
        for (UsbInterface one : new UsbInterface[] {control, data}) {
            if (!connection.claimInterface(one, true)) {
                throw new IOException("another app uses it");
            }
        }
        ByteBuffer coding = ByteBuffer.allocate(7).order(ByteOrder.LITTLE_ENDIAN);
        coding.putInt(baud).put((byte) 0).put((byte) 0).put((byte) 8);
        if (tell(SET_LINE_CODING, 0, coding.array()) < 0) {
            throw new IOException("it does not take " + baud + " baud");
        }
        tell(SET_CONTROL_LINE_STATE, RTS, new byte[0]);
        UsbEndpoint in = endpoint(data, UsbConstants.USB_DIR_IN);
        for (int i = 0; i < WAITING; i++) {
            UsbRequest request = new UsbRequest();
            ByteBuffer buffer = ByteBuffer.allocate(in.getMaxPacketSize());
            requests.add(request);
            request.setClientData(buffer);
            if (!request.initialize(connection, in) || !queued(request, buffer)) {
                throw new IOException("it cannot be read");
            }
        }
        reader.setDaemon(true);
        reader.start();
    }

    private int tell(int what, int value, byte[] bytes) {
        return connection.controlTransfer(TO_INTERFACE, what, value, control.getId(), bytes, bytes.length, CONTROL_MS);
    }

    private void end() {
        closing = true;
        for (UsbRequest request : requests) {
            request.cancel();
        }
        reader.interrupt();
        try {
            reader.join(END_MS);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
        for (UsbRequest request : requests) {
            request.close();
        }
        connection.releaseInterface(data);
        connection.releaseInterface(control);
        connection.close();
    }

    private static UsbManager manager(Context context) {
        UsbManager manager = (UsbManager) context.getSystemService(Context.USB_SERVICE);
        if (manager == null) {
            throw new IllegalStateException("this device cannot be a USB host");
        }
        return manager;
    }

    private static UsbDevice found(Context context, String name) throws IOException {
        UsbDevice device = manager(context).getDeviceList().get(name);
        if (device == null) {
            throw new IOException("it has been unplugged");
        }
        return device;
    }

    private static UsbSerial of(String name) throws IOException {
        UsbSerial line = OPEN.get(name);
        if (line == null) {
            throw new IOException("it is not open");
        }
        return line;
    }

    private static UsbInterface controlOf(UsbDevice device) {
        for (int i = 0; i < device.getInterfaceCount(); i++) {
            UsbInterface one = device.getInterface(i);
            if (one.getInterfaceClass() == UsbConstants.USB_CLASS_COMM && one.getInterfaceSubclass() == ACM) {
                return one;
            }
        }
        return null;
    }

    private static UsbInterface dataOf(UsbDevice device) {
        for (int i = 0; i < device.getInterfaceCount(); i++) {
            UsbInterface one = device.getInterface(i);
            boolean both = endpoint(one, UsbConstants.USB_DIR_IN) != null && endpoint(one, UsbConstants.USB_DIR_OUT) != null;
            if (one.getInterfaceClass() == UsbConstants.USB_CLASS_CDC_DATA && both) {
                return one;
            }
        }
        return null;
    }

    /** The bulk endpoint of that direction, or null. */
    private static UsbEndpoint endpoint(UsbInterface one, int direction) {
        for (int i = 0; i < one.getEndpointCount(); i++) {
            UsbEndpoint endpoint = one.getEndpoint(i);
            if (endpoint.getType() == UsbConstants.USB_ENDPOINT_XFER_BULK && endpoint.getDirection() == direction) {
                return endpoint;
            }
        }
        return null;
    }
}
