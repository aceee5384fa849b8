package org.tensorflow.lite;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A stand-in for LiteRT's: its methods, computed by whatever `backend` is; in the tests the desktop's TFLite. */
public final class Interpreter implements AutoCloseable {
    /** What computes. */
    public interface Backend {
        /** A model's number; then, on a line each, its tensors as `FIELDS` texts between tabs. Null: it is no model. */
        String open(ByteBuffer model, int threads);

        /** Inputs in one piece in, outputs out. */
        void run(String model, String signature, ByteBuffer in, ByteBuffer out);
    }

    public static class Options {
        int threads = -1;

        public Options setNumThreads(int numThreads) {
            threads = numThreads;
            return this;
        }
    }

    public static Backend backend = null;

    private final List<Described> tensors = new ArrayList<Described>();
    private String model;

    public Interpreter(ByteBuffer byteBuffer, Options options) {
        if (!byteBuffer.isDirect() || byteBuffer.order() != ByteOrder.nativeOrder()) {
            throw new IllegalArgumentException("Model ByteBuffer should be either a MappedByteBuffer of the model file, or a "
                + "direct ByteBuffer using ByteOrder.nativeOrder() which contains bytes of model content.");
        }
        ByteBuffer heap = ByteBuffer.allocate(byteBuffer.remaining());
        heap.put(byteBuffer.duplicate());
        heap.rewind();
        String told = backend.open(heap, options.threads);
        if (told == null) {
            throw new IllegalArgumentException("ByteBuffer is not a valid TensorFlow Lite model flatbuffer");
        }
        String[] lines = told.split("\n");
        model = lines[0];
        for (int i = 1; i < lines.length; i++) {
            tensors.add(new Described(lines[i].split("\t", -1)));
        }
    }

    public int getInputTensorCount() {
        return of("in", "").size();
    }

    public int getOutputTensorCount() {
        return of("out", "").size();
    }

    public Tensor getInputTensor(int inputIndex) {
        return of("in", "").get(inputIndex);
    }

    public Tensor getOutputTensor(int outputIndex) {
        return of("out", "").get(outputIndex);
    }

    public String[] getSignatureKeys() {
        Set<String> keys = new LinkedHashSet<String>();
        for (Described one : tensors) {
            keys.add(one.fields[1]);
        }
        keys.remove("");
        return keys.toArray(new String[0]);
    }

    public String[] getSignatureInputs(String signatureKey) {
        return names("in", signatureKey);
    }

    public String[] getSignatureOutputs(String signatureKey) {
        return names("out", signatureKey);
    }

    public Tensor getInputTensorFromSignature(String inputName, String signatureKey) {
        return named("in", signatureKey, inputName);
    }

    public Tensor getOutputTensorFromSignature(String outputName, String signatureKey) {
        return named("out", signatureKey, outputName);
    }

    public void runForMultipleInputsOutputs(Object[] inputs, Map<Integer, Object> outputs) {
        List<ByteBuffer> in = new ArrayList<ByteBuffer>();
        List<ByteBuffer> out = new ArrayList<ByteBuffer>();
        for (Object one : inputs) {
            in.add((ByteBuffer) one);
        }
        for (int i = 0; i < outputs.size(); i++) {
            out.add((ByteBuffer) outputs.get(i));
        }
        compute("", in, out);
    }

    public void runSignature(Map<String, Object> inputs, Map<String, Object> outputs, String signatureKey) {
        List<ByteBuffer> in = new ArrayList<ByteBuffer>();
        List<ByteBuffer> out = new ArrayList<ByteBuffer>();
        for (String name : names("in", signatureKey)) {
            in.add((ByteBuffer) inputs.get(name));
        }
        for (String name : names("out", signatureKey)) {
            out.add((ByteBuffer) outputs.get(name));
        }
        compute(signatureKey, in, out);
    }

    @Override
    public void close() {
        model = null;
    }

    private void compute(String signature, List<ByteBuffer> in, List<ByteBuffer> out) {
        if (model == null) {
            throw new IllegalStateException("Internal error: The Interpreter has already been closed.");
        }
        List<Described> wanted = of("in", signature);
        int size = 0;
        for (int i = 0; i < in.size(); i++) {
            if (in.get(i).remaining() != wanted.get(i).numBytes()) {
                throw new IllegalArgumentException("Cannot copy to a TensorFlowLite tensor with " + wanted.get(i).numBytes()
                    + " bytes from a Java Buffer with " + in.get(i).remaining() + " bytes.");
            }
            size += in.get(i).remaining();
        }
        ByteBuffer from = ByteBuffer.allocate(size);
        for (ByteBuffer one : in) {
            from.put(one.duplicate());
        }
        from.rewind();
        size = 0;
        for (ByteBuffer one : out) {
            size += one.remaining();
        }
        ByteBuffer to = ByteBuffer.allocate(size);
        backend.run(model, signature, from, to);
        to.rewind();
        for (ByteBuffer one : out) {
            while (one.hasRemaining()) {
                one.put(to.get());
            }
        }
    }

    private List<Described> of(String way, String signature) {
        List<Described> found = new ArrayList<Described>();
        for (Described one : tensors) {
            if (one.fields[0].equals(way) && one.fields[1].equals(signature)) {
                found.add(one);
            }
        }
        return found;
    }

    private String[] names(String way, String signature) {
        List<String> found = new ArrayList<String>();
        for (Described one : of(way, signature)) {
            found.add(one.fields[2]);
        }
        return found.toArray(new String[0]);
    }

    private Tensor named(String way, String signature, String name) {
        for (Described one : of(way, signature)) {
            if (one.fields[2].equals(name)) {
                return one;
            }
        }
        throw new IllegalArgumentException("Invalid " + way + " name " + name + " of " + signature);
    }

    private static final class Described implements Tensor {
        private static final int[] BYTES = {4, 4, 1, 8, 0, 1, 2, 1};
        final String[] fields;

        Described(String[] fields) {
            this.fields = fields;
        }

        @Override
        public DataType dataType() {
            return DataType.valueOf(fields[4]);
        }

        @Override
        public int numBytes() {
            int bytes = BYTES[dataType().ordinal()];
            for (int size : shape()) {
                bytes *= size;
            }
            return bytes;
        }

        @Override
        public int[] shape() {
            if (fields[5].isEmpty()) {
                return new int[0];
            }
            String[] parts = fields[5].split(",");
            int[] shape = new int[parts.length];
            for (int i = 0; i < parts.length; i++) {
                shape[i] = Integer.parseInt(parts[i]);
            }
            return shape;
        }

        @Override
        public int index() {
            return Integer.parseInt(fields[3]);
        }

        @Override
        public String name() {
            return fields[2];
        }

        @Override
        public QuantizationParams quantizationParams() {
            return new QuantizationParams(Float.parseFloat(fields[6]), Integer.parseInt(fields[7]));
        }
    }
}
