// For ajv.js: values of each format, and where the gateway and ajv-formats differ about them.
'use strict';

const DATES = ['2024-02-29', '2023-02-29', '1999-12-31', '2024-13-01', '2024-1-1', '0000-01-01'];
const TIMES = [
  '12:00:00Z', '23:59:60Z', '12:00:60Z', '00:00:00+00:00', '12:00:00.123Z', '12:00:00', '24:00:00Z',
  '12:00:00+24:00', '12:00:00z', '12:00Z', '23:59:60+01:00', '12:00:00-0800'
];
const SAMPLES = {
  'date': DATES,
  'time': TIMES,
  'date-time': [
    ...TIMES.map((time) => `2024-02-29T${time}`), ...DATES.map((date) => `${date}T12:00:00Z`),
    '2024-02-29 12:00:00Z', '2024-02-29t12:00:00Z', '2024-02-29T12:00:00.Z', '2024-02-29'
  ],
  'duration':
      ['P1D', 'PT1H', 'P1Y2M3DT4H5M6S', 'P2W', 'P', 'PT', 'P1', 'P1D2H', 'P1W2D', 'PT1.5S', '1D'],
  'uuid': [
    '2eb8aa08-aa98-11ea-b4aa-73b441d16380', '2EB8AA08-AA98-11EA-B4AA-73B441D16380',
    '00000000-0000-0000-0000-000000000000', '2eb8aa08aa9811eab4aa73b441d16380',
    '2eb8aa08-aa98-11ea-b4aa-73b441d1638g', 'urn:uuid:2eb8aa08-aa98-11ea-b4aa-73b441d16380',
    '{2eb8aa08-aa98-11ea-b4aa-73b441d16380}'
  ],
  'email': [
    'ada@example.com', 'a.b+c@example.co.uk', '@example.com', 'ada@', 'ada', 'a b@example.com',
    'ada@example..com', '.ada@example.com', 'ada.@example.com', 'a..b@example.com',
    'ada@[127.0.0.1]', '"a b"@example.com', 'ada@localhost', 'ada@-example.com', 'ada@example.com.'
  ],
  'hostname': [
    'example.com', 'a', 'a-b.example', 'xn--nxasmq6b.example', '-a.example', 'a-.example', 'a..b',
    'a_b.example', 'example.com.', 'A.EXAMPLE', '1.2.3.4', 'x'.repeat(63), 'x'.repeat(64),
    `${'x.'.repeat(126)}x`, `${'x.'.repeat(127)}xx`, 'xn--X.example'
  ],
  'ipv4':
      ['127.0.0.1', '255.255.255.255', '256.0.0.1', '1.2.3', '01.2.3.4', '1.2.3.4.5', '0.0.0.0/0'],
  'ipv6': [
    '::', '::1', '2001:db8::1', '1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7::', '::ffff:192.0.2.1',
    '12345::', '1::2::3', 'fe80::1%eth0', '1:2:3:4:5:6:7', '[::1]', '::1/64'
  ],
  'uri': [
    'https://example.com/',
    'https://example.com/a?b=c#d',
    'urn:isbn:0451450523',
    'mailto:a@b.example',
    '/relative',
    '//example.com',
    'example.com',
    'http://',
    'http:///x',
    'http://[::1]/',
    'http://[::1',
    'http://a b/',
    'http://example.com/%zz',
    'http://example.com/\u00e9',
    'http://example.com:x/',
    'http:',
    'http://example.com/<>',
    'http://u:p@example.com:80/',
    '1http://x',
    'file:///etc/passwd'
  ],
  'uri-reference': [
    'https://example.com/', '/relative', '', '#x', '?x=y', '//example.com/x', 'a:b', ':a', 'a b',
    '%zz', '\\\\server', 'abc', '#a#b'
  ],
  'uri-template': ['/a/{b}', '{+x}', '/a/{b', '/a/b}', '{}', '{a,b*}', '{a:3}', '/a b', ''],
  'json-pointer': ['', '/', '/a/b', '/a~0b', '/a~1b', '/a~2b', 'a', '/a~', '#/a'],
  'relative-json-pointer': ['0', '1/a', '0#', '01', '-1', '/a', '10/b~1c', ''],
  'regex': ['^a+$', '[', '(?<x>a)', 'a{2,1}', '\\d', '\\a', '(?=a)', '*', ']', '{', 'a{'],
  'byte': ['', 'YQ==', 'YWI=', 'YWJj', 'YQ', 'YQ=', 'Y', '=', 'a-_b', 'YWJj\n', '====', 'YR=='],
  'int32': [0, 1, -1, 2147483647, -2147483648, 2147483648, -2147483649, 1.5],
  'int64': [0, 9007199254740991, -9007199254740991, 1.5, 1e18, 1e19, -1e19],
  'float': [0, 1.5, -1.5, 3.4e38, 3.5e38, 1e-50],
  'double': [0, 1.5, -1.5, 1e300],
};

// What the gateway says of values about which ajv-formats says the contrary, and why.
const DIFFERENCES = [
  {
    format: 'byte',
    ours: 'invalid',
    values: ['YWJj\n'],
    why: 'RFC 4648 section 3.3: no characters outside the alphabet',
  },
  {
    format: 'date-time',
    ours: 'invalid',
    values: ['2024-02-29 12:00:00Z', '2024-02-29T12:00:00-0800'],
    why: 'RFC 3339 section 5.6: `T` between date and time, a colon in the offset',
  },
  {
    format: 'time',
    ours: 'invalid',
    values: ['12:00:00-0800'],
    why: 'the same',
  },
  {
    format: 'email',
    ours: 'valid',
    values: ['ada@[127.0.0.1]', '"a b"@example.com', 'ada@localhost'],
    why: 'RFC 5321 section 4.1.2 has address literals, quoted strings and domains of one label',
  },
  {
    format: 'hostname',
    ours: 'invalid',
    values: ['example.com.', 'xn--X.example'],
    why: 'RFC 1123 section 2.1 has no dot at the end; RFC 5891 decodes what begins with `xn--`',
  },
  {
    format: 'uri',
    ours: 'valid',
    values: ['http:'],
    why: 'RFC 3986 section 3: a path may be empty',
  },
  {
    format: 'uri',
    ours: 'invalid',
    values: ['http://example.com:x/'],
    why: 'RFC 3986 section 3.2.3: a port has digits only',
  },
  {
    format: 'uri-reference',
    ours: 'invalid',
    values: [':a'],
    why: 'RFC 3986 section 4.2: no colon in the first segment of a relative path',
  },
  {
    format: 'uuid',
    ours: 'invalid',
    values: ['urn:uuid:2eb8aa08-aa98-11ea-b4aa-73b441d16380'],
    why: 'JSON Schema validation section 7.3.5: the UUID itself, not its URN',
  },
  {
    format: 'regex',
    ours: 'invalid',
    values: ['\\a', ']', '{', 'a{'],
    why: 'ECMA-262 with flag u: nothing of its Annex B, such as brackets that stand alone',
  },
  {
    format: 'int64',
    ours: 'invalid',
    values: [1e19, -1e19],
    why: 'ajv-formats takes any integer, since its numbers are no more exact than that',
  },
  {
    format: 'float',
    ours: 'invalid',
    values: [3.5e38],
    why: 'infinite in binary32; ajv-formats takes any number',
  },
];

// Faults that only the gateway finds, by keyword and value.
const FAULTS = [
  {
    keyword: 'multipleOf',
    is: (value) => typeof value === 'number' && !Number.isInteger(value),
    why: 'decimal numbers are divided exactly here; by ajv as binary fractions',
  },
  {
    keyword: 'format',
    is: (value) => typeof value === 'string' && value.endsWith('\n'),
    why: 'the pattern of `byte` in ajv-formats ends with the line, not with the text',
  },
];

module.exports = {
  DIFFERENCES,
  FAULTS,
  SAMPLES
};
