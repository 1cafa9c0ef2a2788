/**
 * List prices of AWS in us-east-1, US dollars, as its public price pages had them in November 2025,
 * as far as is known here. Free tiers, taxes and support are left out.
 */
export const prices = {
  /** For each million. */
  sqsRequest: 0.4 / 1e6,
  writeUnit: 0.625 / 1e6,
  readUnit: 0.125 / 1e6,
  lambdaRequest: 0.2 / 1e6,
  schedulerInvocation: 1 / 1e6,
  httpApiRequest: 1 / 1e6,
  /** On ARM. */
  lambdaGigabyteSecond: 0.0000133334,
  logGigabyte: 0.5,
  /** To the Internet, where the gateways are. */
  dataOutGigabyte: 0.09,
  alarmMonth: 0.1,
  metricMonth: 0.3,
  /** Reading it, every five minutes at most, is not worth a line. */
  secretMonth: 0.4,
} as const;

/** 365 days by 12. */
export const hoursPerMonth = 730;
/** What SQS bills as one request. */
export const sqsRequestBytes = 64 * 1024;
