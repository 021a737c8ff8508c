package wsman

type ntlmHandshake struct{}
