/**
 * Messages whose end a proxy in front and this server could see in different places, and other things that are hardly
 * HTTP. Each must get one answer at most, and nothing that hides in its body may be carried out.
 */
const HIDDEN =
  'PUT /v2/team/a/manifests/smuggled HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t-admin\r\nContent-Length: 2\r\n\r\n{}'
const POST = 'POST /v2/team/a/blobs/uploads/ HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t-admin\r\n'
const GET = 'GET /v2/ HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t-admin\r\n'

function chunked(encoding: string): string {
  return `${POST}${encoding}\r\nContent-Length: ${HIDDEN.length + 5}\r\n\r\n0\r\n\r\n${HIDDEN}`
}

/** By what is wrong with them. */
export const HOSTILE_FRAMING: Readonly<Record<string, string>> = {
  'Content-Length beside Transfer-Encoding': chunked('Transfer-Encoding: chunked'),
  'two different Content-Length': `${POST}Content-Length: 0\r\nContent-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`,
  'a list of lengths': `${POST}Content-Length: 0, ${HIDDEN.length}\r\n\r\n${HIDDEN}`,
  'a length with a sign': `${POST}Content-Length: +${HIDDEN.length}\r\n\r\n${HIDDEN}`,
  'a negative length': `${POST}Content-Length: -1\r\n\r\n${HIDDEN}`,
  'a length in hexadecimal': `${POST}Content-Length: 0x10\r\n\r\n${HIDDEN}`,
  'a length beyond 64 bits': `${POST}Content-Length: 99999999999999999999999\r\n\r\n${HIDDEN}`,
  'an encoding in odd case beside a length': chunked('tRANSFER-eNCODING: cHuNkEd'),
  'a space before the colon': chunked('Transfer-Encoding : chunked'),
  'a tab in the encoding': chunked('Transfer-Encoding:\tchunked'),
  'an unknown encoding before chunked': chunked('Transfer-Encoding: x, chunked'),
  'chunked that is not the last': chunked('Transfer-Encoding: chunked, identity'),
  'an encoding with a prefix': chunked('Transfer-Encoding: xchunked'),
  'two encodings': chunked('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity'),
  'an encoding on a folded line': chunked('Transfer-Encoding:\r\n chunked'),
  'a folded line of a header': `${GET}X-Folded: a\r\n b\r\n\r\n`,
  'a bare line feed between headers': `${POST}X-A: b\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'bare line feeds only': GET.replaceAll('\r\n', '\n').concat('\n'),
  'a bare carriage return in a header': `${GET}X-A: b\rX-B: c\r\n\r\n`,
  'a NUL in a header': `${GET}X-A: b\0c\r\n\r\n`,
  'a space in a header name': `${GET}X A: b\r\n\r\n`,
  'a header without a colon': `${GET}nonsense\r\n\r\n`,
  'a chunk of a bad size': `${POST}Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n`,
  'a chunk of a huge size': `${POST}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n\r\n`,
  'a chunk longer than it says': `${POST}Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n`,
  'a chunk extension with a line feed': `${POST}Transfer-Encoding: chunked\r\n\r\n1;a=\n\r\nx\r\n0\r\n\r\n`,
  'a chunk that ends with a line feed': `${POST}Transfer-Encoding: chunked\r\n\r\n1\r\nx\n0\r\n\r\n`,
  'no Host': 'GET /v2/ HTTP/1.1\r\n\r\n',
  'a header larger than allowed': `${GET}X-Huge: ${'h'.repeat(70_000)}\r\n\r\n`,
  'no HTTP version': 'GET /v2/\r\n\r\n',
  'an unknown HTTP version': GET.replace('HTTP/1.1', 'HTTP/3.9').concat('\r\n'),
  'a method that is none': GET.replace('GET', 'get').concat('\r\n'),
  'a space in the target': GET.replace('/v2/', '/v2/ x').concat('\r\n'),
  'a tunnel': 'CONNECT other.example:443 HTTP/1.1\r\nHost: other.example:443\r\n\r\n',
  'the beginning of TLS': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  nothing: '\r\n\r\n\r\n',
}
