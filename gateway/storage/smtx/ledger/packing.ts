import zstd from "zstd-napi/binding.js";

// A worker thread has its own copy of this module, so the contexts are one a thread.
const compressor = new zstd.CCtx();
compressor.setParameter(zstd.CParameter.compressionLevel, 1);
const decompressor = new zstd.DCtx();

/** Compressed by zstd, or as it is where that isn't smaller. */
export const pack = (content: Uint8Array): Uint8Array => {
  const into = new Uint8Array(zstd.compressBound(content.length));
  const bytes = compressor.compress2(into, content);
  return bytes < content.length ? into.subarray(0, bytes) : content;
};

/** What `pack` was given, `contentBytes` long; undefined where it is something else. */
export const unpack = (stored: Uint8Array, contentBytes: number): Uint8Array | undefined => {
  if (stored.length === contentBytes) return stored;
  const content = new Uint8Array(contentBytes);
  try {
    return decompressor.decompress(content, stored) === contentBytes ? content : undefined;
  } catch {
    // The binding has no error codes: whatever it dislikes, the stored bytes are wrong.
    return undefined;
  }
};
