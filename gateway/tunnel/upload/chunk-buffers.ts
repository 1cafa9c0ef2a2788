/** Chunks between threads are of at most so many bytes. */
export const chunkBytes = 512 * 1024;
/** Buffers that wait for their next use, in each thread. */
const idleMax = 16;

// A thread has its own copy of this module, and so of its idle buffers.
const idle: ArrayBuffer[] = [];

/**
 * A buffer of `chunkBytes` with a memory of its own, so that it can be handed to another thread
 * without a copy. Fresh ones are dear: the kernel clears their pages, and so much memory outside
 * its heap makes V8 collect garbage all the time.
 */
export const takeChunkBuffer = (): Buffer<ArrayBuffer> => Buffer.from(idle.pop() ?? new ArrayBuffer(chunkBytes));

/** The buffer of a chunk that nobody looks at any more, for the next who takes one. */
export const giveChunkBuffer = (buffer: ArrayBuffer): void => {
  if (buffer.byteLength === chunkBytes && idle.length < idleMax) idle.push(buffer);
};
