/**
 * Every error a user or a script can meet, with its HTTP status. The code is stable:
 * scripts match on it. `retryable` says whether the same request may succeed later without
 * anybody changing anything.
 */
export const errorCodes = {
  // The request.
  BAD_REQUEST: { status: 400, retryable: false },
  BODY_TOO_LARGE: { status: 413, retryable: false },
  UNAUTHENTICATED: { status: 401, retryable: false },
  USE_NONCE: { status: 401, retryable: true },
  FORBIDDEN: { status: 403, retryable: false },
  NOT_FOUND: { status: 404, retryable: false },
  METHOD_NOT_ALLOWED: { status: 405, retryable: false },
  CONFLICT: { status: 409, retryable: true },
  // Sites, gateways and objects.
  SITE_UNKNOWN: { status: 404, retryable: false },
  SITE_EXISTS: { status: 409, retryable: false },
  SITE_IN_OTHER_MULTI_CLUSTER: { status: 422, retryable: false },
  GATEWAY_UNKNOWN: { status: 404, retryable: false },
  GATEWAY_REMOVED: { status: 403, retryable: false },
  AUTHORITY_MISSING: { status: 422, retryable: false },
  OBJECT_UNKNOWN: { status: 422, retryable: false },
  OBJECT_AMBIGUOUS: { status: 422, retryable: false },
  OBJECT_UNUSABLE: { status: 422, retryable: false },
  OBJECT_IS_MIRROR: { status: 422, retryable: false },
  /** Of a group that is not of one instant. */
  SNAPSHOTS_APART: { status: 422, retryable: false },
  OBJECT_KIND_UNSUPPORTED: { status: 422, retryable: false },
  OBJECT_GONE: { status: 422, retryable: false },
  OBJECT_NAME_TAKEN: { status: 409, retryable: false },
  MAC_ADDRESS_TAKEN: { status: 409, retryable: false },
  LUN_ID_TAKEN: { status: 409, retryable: false },
  GUEST_AGENT_ABSENT: { status: 422, retryable: false },
  NOT_READY: { status: 504, retryable: false },
  OBJECT_BUSY: { status: 409, retryable: true },
  SWITCH_UNMAPPED: { status: 422, retryable: false },
  SWITCH_UNKNOWN: { status: 422, retryable: false },
  POOL_UNKNOWN: { status: 422, retryable: false },
  EXPORT_UNKNOWN: { status: 422, retryable: false },
  DIRECTORY_UNKNOWN: { status: 422, retryable: false },
  POOL_FULL: { status: 507, retryable: false },
  // Plans.
  PLAN_UNKNOWN: { status: 404, retryable: false },
  PLAN_AMBIGUOUS: { status: 422, retryable: false },
  PLAN_NAME_TAKEN: { status: 409, retryable: false },
  PLAN_KIND_FIXED: { status: 422, retryable: false },
  PLAN_SOURCE_FIXED: { status: 422, retryable: false },
  PLAN_TARGET_IS_SOURCE: { status: 422, retryable: false },
  PLAN_EMPTY: { status: 422, retryable: false },
  PLAN_TOO_LARGE: { status: 422, retryable: false },
  PLAN_BUSY: { status: 409, retryable: true },
  /** A failover is moving its objects. */
  FAILOVER_UNDER_WAY: { status: 409, retryable: true },
  /** Its objects are at another site than the one that it protects. */
  PLAN_AWAY: { status: 409, retryable: false },
  /** It is away, and all that it would copy to is that silent site. */
  HOME_ABSENT: { status: 409, retryable: true },
  SCHEDULE_IMPOSSIBLE: { status: 422, retryable: false },
  // Runs, groups, restores.
  RUN_UNKNOWN: { status: 404, retryable: false },
  RUN_ENDED: { status: 409, retryable: false },
  GROUP_UNKNOWN: { status: 404, retryable: false },
  GROUP_NOT_RESTORABLE: { status: 409, retryable: false },
  GROUP_HELD: { status: 409, retryable: true },
  GROUP_KEPT: { status: 409, retryable: false },
  GROUP_NEEDED: { status: 409, retryable: false },
  MIRROR_NEEDED: { status: 409, retryable: false },
  PREVIEW_STALE: { status: 409, retryable: false },
  GROUP_BUSY: { status: 409, retryable: true },
  CHANGED_SINCE: { status: 409, retryable: false },
  // Failovers.
  FAILOVER_UNKNOWN: { status: 404, retryable: false },
  FAILOVER_ENDED: { status: 409, retryable: false },
  NOT_FAILED_OVER: { status: 409, retryable: false },
  NOTHING_TO_CONTINUE: { status: 409, retryable: false },
  ROLLBACK_UNFINISHED: { status: 409, retryable: true },
  ROLLBACK_ENDED: { status: 409, retryable: false },
  OBJECT_PROTECTED: { status: 409, retryable: false },
  OBJECT_LOCKED: { status: 409, retryable: true },
  ATTACHMENTS_FULL: { status: 409, retryable: true },
  GROUP_DAMAGED: { status: 409, retryable: false },
  MESSAGE_TOO_LARGE: { status: 422, retryable: false },
  // Manifests of foreign plans.
  MANIFEST_CHANGED: { status: 409, retryable: false },
  MANIFEST_BY_STRANGER: { status: 409, retryable: false },
  MANIFEST_OF_OTHER_SITE: { status: 409, retryable: false },
  MANIFEST_OF_OTHER_GROUP: { status: 409, retryable: false },
  MANIFEST_UNTIMELY: { status: 409, retryable: false },
  MANIFEST_UNSIGNED: { status: 409, retryable: false },
  // The data path.
  LINK_BROKEN: { status: 502, retryable: true },
  LINK_SLOW: { status: 504, retryable: true },
  GATEWAY_ABSENT: { status: 409, retryable: true },
  PEER_REFUSED: { status: 403, retryable: false },
  NOT_GRANTED: { status: 403, retryable: false },
  FENCED: { status: 409, retryable: false },
  GROUP_STALE: { status: 409, retryable: false },
  GROUP_EXISTS: { status: 409, retryable: false },
  GROUP_ABORTED: { status: 409, retryable: false },
  GROUP_INCOMPLETE: { status: 409, retryable: false },
  BASE_MISSING: { status: 409, retryable: false },
  FRAME_INVALID: { status: 400, retryable: true },
  CHECKSUM_MISMATCH: { status: 422, retryable: true },
  // Storage.
  VOLUME_UNKNOWN: { status: 404, retryable: false },
  VOLUME_NAME_TAKEN: { status: 409, retryable: false },
  VOLUME_BUSY: { status: 409, retryable: true },
  VOLUME_IS_MIRROR: { status: 409, retryable: false },
  VOLUME_TOO_SMALL: { status: 422, retryable: false },
  SNAPSHOT_UNKNOWN: { status: 404, retryable: false },
  NOT_OURS: { status: 409, retryable: false },
  STORE_CORRUPT: { status: 500, retryable: false },
  STORE_FULL: { status: 507, retryable: true },
  STORE_IN_USE: { status: 409, retryable: true },
  STORE_TOO_NEW: { status: 409, retryable: false },
  DISK_FAILED: { status: 500, retryable: true },
  // A real cluster.
  CLUSTER_UNREACHABLE: { status: 502, retryable: true },
  CLUSTER_REFUSED: { status: 409, retryable: false },
  CLUSTER_BUSY: { status: 409, retryable: true },
  ADMINISTERED_ELSEWHERE: { status: 422, retryable: false },
  CLUSTER_TASK_FAILED: { status: 502, retryable: true },
  TOO_FEW_DESCRIPTORS: { status: 500, retryable: true },
  IMAGE_UNREADABLE: { status: 422, retryable: false },
  IMAGE_UNSUPPORTED: { status: 422, retryable: false },
  IMAGE_TOO_SMALL: { status: 422, retryable: false },
  IMAGE_UNWRITABLE: { status: 422, retryable: false },
  OUTPUT_FAILED: { status: 500, retryable: false },
  IMAGE_EXISTS: { status: 409, retryable: false },
  IMPORT_UNSUPPORTED: { status: 422, retryable: false },
  TOOL_MISSING: { status: 422, retryable: false },
  HOST_SHARED: { status: 422, retryable: false },
  // Anything else.
  NEWER_VERSION: { status: 500, retryable: true },
  PROCESS_LOST: { status: 500, retryable: false },
  TIMEOUT: { status: 504, retryable: true },
  INTERNAL: { status: 500, retryable: true },
} as const satisfies Record<string, { status: number; retryable: boolean }>;

export type ErrorCode = keyof typeof errorCodes;

/**
 * An expected failure: what happened, and what to do next. Anything else that is thrown is a
 * defect.
 *
 * @example throw new VisibleError("SITE_UNKNOWN", "There is no site “c”.", { hint: "List sites
 *   with: smtx-backup site list" });
 */
export class VisibleError extends Error {
  readonly code: ErrorCode;
  /** What to do next: a sentence or a command. */
  readonly hint: string | undefined;
  /** Whether the same may succeed later without anybody changing anything. */
  readonly retryable: boolean;
  /** The site that told it, where somebody else did. */
  readonly toldBy: string | undefined;
  /**
   * Of GROUP_STALE: the number of the newest group that a site has or had; a run
   * must have a greater one.
   */
  readonly newestSequence: number | undefined;

  /** @param options.retryable where this case of it is another than the code's others */
  constructor(
    code: ErrorCode,
    message: string,
    options: {
      hint?: string;
      cause?: unknown;
      retryable?: boolean;
      toldBy?: string;
      newestSequence?: number | undefined;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "VisibleError";
    this.code = code;
    this.hint = options.hint;
    this.retryable = options.retryable ?? errorCodes[code].retryable;
    this.toldBy = options.toldBy;
    this.newestSequence = options.newestSequence;
  }

  get status(): number {
    return errorCodes[this.code].status;
  }

  static is(error: unknown, code?: ErrorCode): error is VisibleError {
    return error instanceof VisibleError && (code === undefined || error.code === code);
  }
}

const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(errorCodes, code);

/** The error that somebody else told: a code that this version does not know is INTERNAL. */
export const errorToldAs = (
  told: {
    readonly code: string;
    readonly message: string;
    readonly hint?: string | undefined;
    readonly newestSequence?: number | undefined;
  },
  toldBy?: string,
): VisibleError => {
  const code = isErrorCode(told.code) ? told.code : "INTERNAL";
  const { message, hint, newestSequence } = told;
  return new VisibleError(code, toldBy === undefined ? message : atSite(toldBy, code, message), {
    ...(hint !== undefined && { hint }),
    ...(toldBy !== undefined && { toldBy }),
    newestSequence,
  });
};

/** A message about a site's storage says whose it is, for it is read elsewhere. */
export const atSite = (site: string, code: ErrorCode, message: string): string =>
  /^(STORE|DISK|POOL)_/.test(code) ? `Site ${site}: ${message}` : message;
