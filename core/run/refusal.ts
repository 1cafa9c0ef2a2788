/** Why a report does not count: stable codes, for the log and the audit trail. */
export type ReportRefusal =
  /** SQS says that another gateway sent it. */
  | "SENDER_IS_ANOTHER"
  | "SENDER_SITE_UNKNOWN"
  | "SENDER_REMOVED"
  | "RUN_UNKNOWN"
  /** It is about the slot's run from before the table was set back. */
  | "RUN_IS_ANOTHER"
  /** The run has no such target, step or task. */
  | "TASK_UNKNOWN"
  | "TASK_OF_ANOTHER_SITE"
  | "TASK_NOT_GIVEN"
  /** Copies come from honest gateways, too. */
  | "TASK_ANSWERED"
  | AnswerFault;

/** What is wrong with an answer to a task that was given. */
export type AnswerFault =
  /** It is no answer to a task of that step. */
  | "ANSWER_OF_ANOTHER_KIND"
  /** It names what was not asked for, or counts wrongly. */
  | "ANSWER_OUT_OF_RANGE"
  /** It names something twice that there is once. */
  | "ANSWER_REPEATS"
  /** It does not fit what was said before, or itself. */
  | "ANSWER_CONTRADICTS";

/** What is wrong, as people are told it. */
export const answerFaults: Record<AnswerFault, string> = {
  ANSWER_OF_ANOTHER_KIND: "is no answer to such a task",
  ANSWER_OUT_OF_RANGE: "names what was not asked for",
  ANSWER_REPEATS: "names something twice that there is once",
  ANSWER_CONTRADICTS: "does not fit what was said before",
};
