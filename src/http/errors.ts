/** What can be wrong with a request before any feature looks at it. */
export type HttpCode = 'BodyTooLarge' | 'UnsupportedMediaType' | 'MalformedJson';

/** For renderers of protocols that have no words of their own for these. */
export const HTTP_STATUS = {
  BodyTooLarge: 413,
  UnsupportedMediaType: 415,
  MalformedJson: 400,
} satisfies Record<HttpCode, number>;
