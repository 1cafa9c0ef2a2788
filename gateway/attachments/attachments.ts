import type { SnapshotHandle } from "../storage/volume-io.ts";
import type { TlsCredentials } from "../tunnel/certificates.ts";

/** Where an attachment listens. */
export type ListenAt =
  | {
      /** Of mode 0600, in a folder of mode 0700, which is made where it is missing. 100 bytes at most. */
      readonly socketPath: string;
      readonly tcp?: undefined;
    }
  | {
      readonly socketPath?: undefined;
      /** TLS 1.3 alone, for whoever has a certificate of the multi-cluster. Port 0: any that is free. */
      readonly tcp: { readonly host: string; readonly port: number; readonly credentials: TlsCredentials };
    };

export interface AttachOptions {
  /** The export's name. */
  readonly name: string;
  /** Whoever has opened it closes it, after the attachment has ended. */
  readonly snapshot: SnapshotHandle;
  readonly at: ListenAt;
  /** Makes it writable: what is written lies in a file of `folder`, and is gone with the attachment. */
  readonly overlay?: { readonly folder: string; readonly bytesMax: number };
}

export interface AttachmentUsage {
  readonly connections: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  /** Of the overlay: what it takes. */
  readonly overlayBytes: number;
}

export interface Attachment {
  /** As libnbd's tools and qemu-img take it: nbd+unix:///NAME?socket=PATH, or nbds://HOST:PORT/NAME */
  readonly uri: string;
  /** The port that was taken, of TCP. */
  readonly port: number | undefined;
  usage(): Promise<AttachmentUsage>;
  /** Connections from now on are judged by these; of those that are there, the revoked are cut. */
  renew(credentials: TlsCredentials): Promise<void>;
  /** Resolves when it is over: with nothing after `close`, with the reason when its thread died. */
  readonly ended: Promise<Error | undefined>;
  /** Lets replies that are under way end, for a few seconds; removes the socket. Idempotent. */
  close(): Promise<void>;
}

/** The snapshots that a gateway serves. */
export interface Attachments {
  /**
   * @throws BAD_REQUEST (a path that is too long or holds something else), CONFLICT (the port is
   *   taken, or somebody listens at the socket), SNAPSHOT_UNKNOWN, STORE_FULL, INTERNAL
   */
  attach(options: AttachOptions): Promise<Attachment>;
  /** Ends all that is attached, and the thread. */
  close(): Promise<void>;
}

// createAttachments({ storage: StorageConfig, log: Log }): Attachments — follows.
