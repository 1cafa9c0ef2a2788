import type { ErrorCode } from "../../core/api/errors.ts";

/** How the command ends, for scripts. They are stable, and `--help` lists them. */
export const exitCodes = {
  done: { code: 0, meaning: "done" },
  failed: {
    code: 1,
    meaning:
      "failed: a run failed or partly failed, `status` found something late, failing or damaged, or a plan that can't be read, this can't be done now, or a question was not answered with yes",
  },
  badInput: { code: 2, meaning: "bad usage or bad input" },
  notFound: { code: 3, meaning: "not found" },
  refused: { code: 4, meaning: "refused: no token, or one that may not do this" },
  unreachable: { code: 5, meaning: "the API can't be reached, or did not answer in time" },
  internal: { code: 70, meaning: "a defect of smtx-backup" },
  interrupted: { code: 130, meaning: "interrupted, by Ctrl-C or a signal" },
} as const satisfies Record<string, { code: number; meaning: string }>;

type Ending = keyof typeof exitCodes;

const endings: Record<ErrorCode, Ending> = {
  BAD_REQUEST: "badInput",
  BODY_TOO_LARGE: "badInput",
  UNAUTHENTICATED: "refused",
  FORBIDDEN: "refused",
  NOT_FOUND: "notFound",
  CONFLICT: "failed",
  SITE_UNKNOWN: "notFound",
  GATEWAY_UNKNOWN: "notFound",
  GATEWAY_REMOVED: "refused",
  AUTHORITY_MISSING: "badInput",
  SITE_EXISTS: "badInput",
  SITE_IN_OTHER_MULTI_CLUSTER: "badInput",
  OBJECT_UNKNOWN: "notFound",
  OBJECT_AMBIGUOUS: "badInput",
  OBJECT_UNUSABLE: "badInput",
  OBJECT_IS_MIRROR: "badInput",
  OBJECT_KIND_UNSUPPORTED: "badInput",
  OBJECT_GONE: "failed",
  OBJECT_NAME_TAKEN: "badInput",
  OBJECT_BUSY: "failed",
  SWITCH_UNMAPPED: "badInput",
  SWITCH_UNKNOWN: "badInput",
  POOL_UNKNOWN: "badInput",
  EXPORT_UNKNOWN: "badInput",
  POOL_FULL: "failed",
  PLAN_UNKNOWN: "notFound",
  PLAN_AMBIGUOUS: "badInput",
  PLAN_NAME_TAKEN: "badInput",
  PLAN_KIND_FIXED: "badInput",
  PLAN_SOURCE_FIXED: "badInput",
  PLAN_TARGET_IS_SOURCE: "badInput",
  PLAN_EMPTY: "badInput",
  PLAN_TOO_LARGE: "badInput",
  PLAN_BUSY: "failed",
  SCHEDULE_IMPOSSIBLE: "badInput",
  RUN_UNKNOWN: "notFound",
  RUN_ENDED: "failed",
  GROUP_UNKNOWN: "notFound",
  GROUP_NOT_RESTORABLE: "failed",
  GROUP_DAMAGED: "failed",
  MESSAGE_TOO_LARGE: "failed",
  LINK_BROKEN: "unreachable",
  GATEWAY_ABSENT: "failed",
  PEER_REFUSED: "refused",
  FENCED: "failed",
  GROUP_STALE: "failed",
  GROUP_EXISTS: "failed",
  GROUP_ABORTED: "failed",
  GROUP_INCOMPLETE: "failed",
  BASE_MISSING: "failed",
  FRAME_INVALID: "failed",
  CHECKSUM_MISMATCH: "failed",
  VOLUME_UNKNOWN: "notFound",
  VOLUME_NAME_TAKEN: "badInput",
  VOLUME_BUSY: "failed",
  VOLUME_IS_MIRROR: "badInput",
  VOLUME_TOO_SMALL: "badInput",
  SNAPSHOT_UNKNOWN: "notFound",
  NOT_OURS: "failed",
  STORE_CORRUPT: "failed",
  STORE_FULL: "failed",
  STORE_IN_USE: "failed",
  STORE_TOO_NEW: "failed",
  DISK_FAILED: "failed",
  TOO_FEW_DESCRIPTORS: "failed",
  IMAGE_UNREADABLE: "badInput",
  IMAGE_UNSUPPORTED: "badInput",
  IMAGE_TOO_SMALL: "badInput",
  IMAGE_UNWRITABLE: "badInput",
  OUTPUT_FAILED: "failed",
  IMAGE_EXISTS: "badInput",
  IMPORT_UNSUPPORTED: "badInput",
  TOOL_MISSING: "failed",
  PROCESS_LOST: "failed",
  TIMEOUT: "unreachable",
  NEWER_VERSION: "failed",
  INTERNAL: "internal",
};

/** The exit code of an error's code. */
export const exitCodeOf = (code: ErrorCode): number => exitCodes[endings[code]].code;

/** For `--help`. */
export const exitCodesHelp = (): string =>
  Object.values(exitCodes)
    .map(({ code, meaning }) => `  ${String(code).padEnd(4)} ${meaning}`)
    .join("\n");
