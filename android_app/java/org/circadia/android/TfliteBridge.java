package org.circadia.android;

import android.content.Context;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.tensorflow.lite.Interpreter;
import org.tensorflow.lite.Tensor;

/**
 * LiteRT's interpreters by number, for a caller that speaks texts and bytes only. A run takes the inputs' bytes in one
 * piece and gives the outputs' likewise, in the order of describe. One thread at a time for each interpreter.
 */
public final class TfliteBridge {
    /** Texts a tensor has in describe. */
    public static final int FIELDS = 8;

    private static final Map<String, TfliteBridge> OPEN = new ConcurrentHashMap<String, TfliteBridge>();
    private static final AtomicLong LAST = new AtomicLong();

    private final Interpreter interpreter;
    private final Map<String, Port> ports = new HashMap<String, Port>();

    private TfliteBridge(Interpreter interpreter) {
        this.interpreter = interpreter;
    }

    /** Opens a model on so many threads; its number. */
    public static String open(Context context, ByteBuffer model, String threads) {
        ByteBuffer direct = direct(model.remaining());
        direct.put(model.duplicate());
        direct.rewind();
        Interpreter.Options options = new Interpreter.Options();
        options.setNumThreads(Integer.parseInt(threads));
        String handle = String.valueOf(LAST.incrementAndGet());
        OPEN.put(handle, new TfliteBridge(new Interpreter(direct, options)));
        return handle;
    }

    /**
     * Of each tensor that goes in or out: "in" or "out", signature (empty: the model itself), name, index, type, shape with
     * commas, scale and zero point.
     */
    public static String[] describe(Context context, String handle) {
        Interpreter interpreter = of(handle).interpreter;
        List<String> told = new ArrayList<String>();
        for (int i = 0; i < interpreter.getInputTensorCount(); i++) {
            tell(told, "in", "", interpreter.getInputTensor(i).name(), interpreter.getInputTensor(i));
        }
        for (int i = 0; i < interpreter.getOutputTensorCount(); i++) {
            tell(told, "out", "", interpreter.getOutputTensor(i).name(), interpreter.getOutputTensor(i));
        }
        for (String key : interpreter.getSignatureKeys()) {
            for (String name : interpreter.getSignatureInputs(key)) {
                tell(told, "in", key, name, interpreter.getInputTensorFromSignature(name, key));
            }
            for (String name : interpreter.getSignatureOutputs(key)) {
                tell(told, "out", key, name, interpreter.getOutputTensorFromSignature(name, key));
            }
        }
        return told.toArray(new String[0]);
    }

    /** Runs a signature, or the model itself where that is empty. */
    public static byte[] run(Context context, String handle, String signature, ByteBuffer input) {
        TfliteBridge bridge = of(handle);
        Port port = bridge.ports.get(signature);
        if (port == null) {
            port = new Port(bridge.interpreter, signature);
            bridge.ports.put(signature, port);
        }
        return port.run(bridge.interpreter, input);
    }

    /** Lets go of it; a second call does nothing. */
    public static void close(Context context, String handle) {
        TfliteBridge bridge = OPEN.remove(handle);
        if (bridge != null) {
            bridge.interpreter.close();
        }
    }

    private static TfliteBridge of(String handle) {
        TfliteBridge bridge = OPEN.get(handle);
        if (bridge == null) {
            throw new IllegalStateException("interpreter " + handle + " is closed");
        }
        return bridge;
    }

    private static void tell(List<String> told, String way, String key, String name, Tensor tensor) {
        StringBuilder shape = new StringBuilder();
        for (int size : tensor.shape()) {
            shape.append(shape.length() == 0 ? "" : ",").append(size);
        }
        told.add(way);
        told.add(key);
        told.add(name);
        told.add(String.valueOf(tensor.index()));
        told.add(tensor.dataType().name());
        told.add(shape.toString());
        told.add(String.valueOf(tensor.quantizationParams().getScale()));
        told.add(String.valueOf(tensor.quantizationParams().getZeroPoint()));
    }

    private static ByteBuffer direct(int size) {
        return ByteBuffer.allocateDirect(size).order(ByteOrder.nativeOrder());
    }

    /** A signature's own buffers, used again at each run. */
    private static final class Port {
        private final String signature;
        private final String[] inputs;
        private final String[] outputs;
        private final ByteBuffer[] in;
        private final ByteBuffer[] out;

        Port(Interpreter interpreter, String signature) {
            boolean plain = signature.isEmpty();
            this.signature = signature;
            inputs = plain ? new String[interpreter.getInputTensorCount()] : interpreter.getSignatureInputs(signature);
            outputs = plain ? new String[interpreter.getOutputTensorCount()] : interpreter.getSignatureOutputs(signature);
            in = new ByteBuffer[inputs.length];
            out = new ByteBuffer[outputs.length];
            for (int i = 0; i < in.length; i++) {
                Tensor tensor = plain
                    ? interpreter.getInputTensor(i) : interpreter.getInputTensorFromSignature(inputs[i], signature);
                in[i] = direct(tensor.numBytes());
            }
            for (int i = 0; i < out.length; i++) {
                Tensor tensor = plain
                    ? interpreter.getOutputTensor(i) : interpreter.getOutputTensorFromSignature(outputs[i], signature);
                out[i] = direct(tensor.numBytes());
            }
        }

        byte[] run(Interpreter interpreter, ByteBuffer given) {
            ByteBuffer input = given.duplicate();
            for (ByteBuffer one : in) {
                one.clear();
                ByteBuffer part = input.duplicate();
                part.limit(part.position() + one.capacity());
                one.put(part);
                one.rewind();
                input.position(input.position() + one.capacity());
            }
            if (input.hasRemaining()) {
                throw new IllegalArgumentException(input.remaining() + " bytes are left over");
            }
            int size = 0;
            for (ByteBuffer one : out) {
                one.clear();
                size += one.capacity();
            }
            compute(interpreter);
            ByteBuffer answer = ByteBuffer.allocate(size);
            for (ByteBuffer one : out) {
                one.rewind();
                answer.put(one);
            }
            return answer.array();
        }

        private void compute(Interpreter interpreter) {
            if (signature.isEmpty()) {
                Map<Integer, Object> numbered = new HashMap<Integer, Object>();
                for (int i = 0; i < out.length; i++) {
                    numbered.put(i, out[i]);
                }
                interpreter.runForMultipleInputsOutputs(in, numbered);
                return;
            }
            Map<String, Object> from = new HashMap<String, Object>();
            Map<String, Object> to = new HashMap<String, Object>();
            for (int i = 0; i < in.length; i++) {
                from.put(inputs[i], in[i]);
            }
            for (int i = 0; i < out.length; i++) {
                to.put(outputs[i], out[i]);
            }
            interpreter.runSignature(from, to, signature);
        }
    }
}
