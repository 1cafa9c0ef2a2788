import type { SnapshotHandle } from "../../storage/volume-io.ts";
import type { PackedError } from "../../transfer/threads/packed-error.ts";

/** What a reading thread is asked. A reader is named by the number that `open` gave. */
export type ReadingCall =
  | { readonly do: "open"; readonly handle: SnapshotHandle }
  /** The buffer goes to the thread, and comes back with `length` bytes in it. */
  | {
      readonly do: "read";
      readonly reader: number;
      readonly offset: number;
      readonly length: number;
      readonly buffer: ArrayBuffer;
    }
  | { readonly do: "map"; readonly reader: number }
  | { readonly do: "blocks"; readonly reader: number; readonly extent: number }
  | { readonly do: "close"; readonly reader: number }
  /** Nothing more comes. */
  | { readonly do: "end" };

export interface ReadingRequest {
  readonly id: number;
  readonly call: ReadingCall;
}

export type ReadingAnswer =
  | { readonly id: number; readonly value: unknown; readonly failure?: undefined }
  | { readonly id: number; readonly failure: PackedError };
