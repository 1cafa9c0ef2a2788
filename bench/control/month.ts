import { durationSeconds } from "../../functions/aws/gateway-access.ts";
import { marginMs } from "../../gateway/queues/credentials.ts";
import { functionNames } from "../../infra/aws/names.ts";
import { type CountedFunction, gatewaysPerSite, type HourCounts } from "./hour.ts";
import { hoursPerMonth, prices } from "./prices.ts";

/** What is assumed and not counted; each line of the table that hangs on it says so. */
export const assumptions = {
  /** Of computing, beside the waiting that is counted: for each report, and for any other call. */
  reportMs: 10,
  callMs: 30,
  /** `credentials`: a nonce is asked for, the proof is verified and written down, STS is asked. */
  credentialsCalls: 2,
  credentialsMs: 120,
  credentialsReadUnits: 4,
  credentialsWriteUnits: 1,
  functionGigabytes: 0.5,
  apiGigabytes: 1,
  /** How many reports share a call where many sites report; a single site's are counted. */
  reportsPerCall: 5,
  manySites: 100,
  /** An answer of SQS without its messages; what Lambda and the API log of a call. */
  answerBytes: 400,
  logBytes: 400,
  /** Lambda asks each queue that it reads with five pollers, which wait 20 s. */
  pollers: 5,
  pollSeconds: 20,
  /** The reports, and the two of the dead letters. */
  polledQueues: 3,
  /** infra/aws/alarms.ts: one a function, and these; and what is logged as a metric. */
  otherAlarms: 7,
  metrics: 2,
} as const;

/** US dollars a month. */
export interface CostLine {
  readonly what: string;
  /** Of each site, by what it does. */
  readonly site: number;
  /** Of the installation, whatever its sites do. */
  readonly fixed: number;
}

/** Counted in an hour of two sites that are alike. */
export interface Counted {
  /** In which nothing runs. */
  readonly idle: HourCounts;
  /** The same with the plans; `idle` again where there are none. */
  readonly busy: HourCounts;
  /** What it takes to delete what is known of one run, three months after it. */
  readonly forgotten: { readonly writeUnits: number; readonly readUnits: number };
  readonly seconds: number;
}

const gigabyte = 1e9;

/** What a site costs in a month, line by line, where so many are in an installation. */
export const month = ({ idle, busy, forgotten, seconds }: Counted, sites: number): readonly CostLine[] => {
  const a = assumptions;
  /** Of one of the two sites, in a month. */
  const monthly = (count: number) => ((count / 2) * 3600 * hoursPerMonth) / seconds;
  const units = (name: CountedFunction, counts: HourCounts) =>
    counts.functions[name].writeUnits * prices.writeUnit + counts.functions[name].readUnits * prices.readUnit;
  const running = (milliseconds: number, gigabytes = a.functionGigabytes as number) =>
    (milliseconds / 1000) * gigabytes * prices.lambdaGigabyteSecond;

  const { report, plan, sweep, overdue } = busy.functions;
  const isShared = sites >= a.manySites;
  const reportCalls = isShared ? Math.min(report.count, busy.reports / a.reportsPerCall) : report.count;
  const credentialsSeconds = durationSeconds - marginMs / 1000;
  const credentials = ((2 * gatewaysPerSite) / credentialsSeconds) * seconds;
  const more = (name: CountedFunction) => units(name, busy) - units(name, idle);
  const line = (what: string, count: number): CostLine => ({ what, site: monthly(count), fixed: 0 });
  const fixedLine = (what: string, fixed: number): CostLine => ({ what, site: 0, fixed });
  /** One installation's, not two sites'. */
  const once = (count: number) => 2 * monthly(count);

  return [
    line("SQS: gateways ask whether there is something to do", busy.sqs.asking * prices.sqsRequest),
    line(
      "SQS: reports are sent, received, deleted",
      (busy.sqs.reports + 2 * reportCalls + busy.largeReports) * prices.sqsRequest,
    ),
    line("SQS: tasks are sent, kept hidden, deleted", busy.sqs.tasks * prices.sqsRequest),
    line("DynamoDB: gateways are alive", units("report", idle)),
    line("DynamoDB: runs", more("report") + more("sweep") + more("overdue") + units("plan", busy)),
    line(
      "DynamoDB: runs are forgotten",
      plan.count * (forgotten.writeUnits * prices.writeUnit + forgotten.readUnits * prices.readUnit),
    ),
    line(
      "Lambda: reports",
      reportCalls * prices.lambdaRequest + running(report.milliseconds + busy.reports * a.reportMs),
    ),
    line(
      "schedules of plans, and their function",
      plan.count * (prices.schedulerInvocation + prices.lambdaRequest) +
        running(plan.milliseconds + plan.count * a.callMs),
    ),
    line(
      "API: gateways ask for credentials",
      credentials *
        (a.credentialsCalls * (prices.httpApiRequest + prices.lambdaRequest) +
          a.credentialsReadUnits * prices.readUnit +
          a.credentialsWriteUnits * prices.writeUnit) +
        running(credentials * a.credentialsMs, a.apiGigabytes),
    ),
    line(
      "data out: SQS's answers",
      ((busy.answers.count * a.answerBytes + busy.answers.bytes) / gigabyte) * prices.dataOutGigabyte,
    ),
    line(
      "logs",
      (((reportCalls + plan.count + a.credentialsCalls * credentials) * a.logBytes) / gigabyte) * prices.logGigabyte,
    ),
    fixedLine(
      "SQS: Lambda asks for reports and dead letters",
      once((a.polledQueues * a.pollers * seconds * prices.sqsRequest) / a.pollSeconds),
    ),
    fixedLine(
      "sweep and overdue, every minute and quarter",
      once(
        (sweep.count + overdue.count) *
          (prices.schedulerInvocation + prices.lambdaRequest + (a.logBytes / gigabyte) * prices.logGigabyte) +
          units("sweep", idle) +
          units("overdue", idle) +
          running(sweep.milliseconds + overdue.milliseconds + (sweep.count + overdue.count) * a.callMs),
      ),
    ),
    fixedLine("Secrets Manager: the authorities' keys", prices.secretMonth),
    fixedLine(
      "alarms and metrics",
      (functionNames.length + a.otherAlarms) * prices.alarmMonth + a.metrics * prices.metricMonth,
    ),
  ];
};

/** Of a site with its share of what the installation costs. */
export const siteMonth = (lines: readonly CostLine[], sites: number): number =>
  lines.reduce((sum, { site, fixed }) => sum + site + fixed / sites, 0);
