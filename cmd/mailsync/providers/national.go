package providers

// gmx is GMX: two services of one company, whose accounts are each known to its own servers only.
func gmx(name, title, end string, domains ...string) Provider {
	return Provider{
		Name: name, Title: title, Domains: domains,
		IMAP: imaps("imap.gmx." + end), POP3: pop3s("pop.gmx." + end),
		Login:       Password,
		Connections: 3,
		Exclude:     rubbish(),
		Setup: []string{
			`switch on access for mail programs in GMX's settings ("POP3/IMAP Abruf"): it is off at first, for POP3 and IMAP alike`,
			"with two-factor authentication on: make an application-specific password (Mein Account, Sicherheit)",
		},
		Notes: []string{
			"an account that nobody uses for some months may lose its mail; a log-in by a mail program, and so by mailsync, counts as use",
			"after too many refused log-ins the address of your line is locked out, not the account alone",
		},
		Unknown: []string{"how many connections it allows, and how much may be fetched in a day"},
		Sources: from(ispdb("gmx."+end), "https://www.gmx.net/mail/tipps/posts/pop3-imap/36/", "https://hilfe.gmx.net/account/inaktiv.html",
			"https://hilfe.gmx.net/account/gesperrt.html", "https://hilfe.gmx.net/sicherheit/2fa/anwendungsspezifisches-passwort.html"),
	}
}

func webDE() Provider {
	return Provider{
		Name: "web.de", Title: "WEB.DE", Domains: []string{"web.de"},
		IMAP: imaps("imap.web.de"), POP3: pop3s("pop3.web.de"),
		Login: Password, LocalPart: true,
		Connections: 3,
		POP3Is:      []string{"a log-in less than 15 minutes after the last one is refused as if the password were wrong: do not let cron run more often"},
		Exclude:     rubbish(),
		Setup:       []string{"switch on access for mail programs in WEB.DE's settings (POP3/IMAP), if it is off"},
		Notes:       []string{"the user is the part before the @"},
		Unknown:     []string{"whether access by IMAP and POP3 is off at first, as it is at GMX, of the same company", "what becomes of accounts that nobody uses", "how many connections it allows"},
		Sources:     from(ispdb("web.de")),
	}
}

// netease is one of NetEase's services.
func netease(number string, pop3 Server) Provider {
	domain := number + ".com"
	p := Provider{
		Name: number, Title: "NetEase " + number, Domains: []string{domain},
		IMAP: imaps("imap." + domain), POP3: pop3,
		Login:       AppPassword,
		Connections: 2,
		Exclude:     rubbish(),
		Setup: []string{
			`switch IMAP or POP3 on in the settings of the web mail (POP3/SMTP/IMAP), which shows an "authorization code" (授权码): that is the password for mail programs`,
			"to switch all of them off makes all authorization codes invalid",
		},
		Notes:   []string{`the server refuses programs that do not introduce themselves ("Unsafe Login"); mailsync does, by ID`},
		Unknown: []string{"how many connections it allows, and how much may be fetched in a day", "whether it shows only recent mail to mail programs until its settings say otherwise"},
		Sources: from(ispdb(domain), "https://note.lispstudio.com/dacaf276000eb6a58da4f0ecc45cd0e2", "https://help-w.com/renwu/1518473143_zh.html"),
	}
	if !pop3.Known() {
		p.Unknown = append(p.Unknown, "its POP3 server with TLS")
	}
	return p
}

func tOnline() Provider {
	return Provider{
		Name: "t-online", Title: "T-Online (Telekom)", Domains: []string{"t-online.de", "magenta.de"},
		IMAP: imaps("secureimap.t-online.de"), POP3: pop3s("securepop.t-online.de"),
		Login:       OwnPassword,
		Connections: 3,
		Exclude:     rubbish(),
		Setup:       []string{`set a password for mail programs ("E-Mail-Passwort") in the customer centre: the one for the web page is not accepted`},
		Unknown:     []string{"how many connections it allows, and how much may be fetched in a day"},
		Sources: from(ispdb("t-online.de"), "https://pda.teltarif.de/internet/e-mail/t-online-unverschluesselt.html",
			"https://login24.email/e-mail-passwort-bei-t-online-aendern-schritt-fuer-schritt-erklaert"),
	}
}

func orange() Provider {
	return Provider{
		Name: "orange", Title: "Orange (France)", Domains: []string{"orange.fr", "wanadoo.fr"},
		IMAP: imaps("imap.orange.fr"), POP3: pop3s("pop.orange.fr"),
		Login:       Password,
		Connections: 3,
		Exclude:     rubbish(),
		Unknown:     []string{"whether access for mail programs has to be switched on first", "how many connections it allows, and how much may be fetched in a day"},
		Sources:     from(ispdb("orange.fr")),
	}
}

func comcast() Provider {
	return Provider{
		Name: "comcast", Title: "Comcast Xfinity", Domains: []string{"comcast.net", "xfinity.com"},
		IMAP: imaps("imap.comcast.net"), POP3: pop3s("mail.comcast.net"),
		Login:       Password,
		Connections: 3,
		Exclude:     rubbish(),
		Setup:       []string{"access for third-party programs may have to be switched on in the settings of Xfinity's web mail"},
		Notes:       []string{"Comcast moves its mailboxes to Yahoo, address by address. After the move the servers are Yahoo's, with an app password: --host imap.mail.yahoo.com"},
		Unknown:     []string{"the name of that setting, and whether the old servers still answer after the move", "how many connections it allows, and how much may be fetched in a day"},
		Sources:     from(ispdb("comcast.net"), "https://tecknexus.com/comcast-moves-xfinity-email-to-yahoo-mail/3"),
	}
}

// national are providers that are large in one country.
func national() []Provider {
	return []Provider{
		gmx("gmx", "GMX (gmx.net, .de, .at, .ch)", "net", "gmx.net", "gmx.de", "gmx.at", "gmx.ch", "gmx.eu", "gmx.biz", "gmx.org", "gmx.info", "mein.gmx", "mail.gmx", "email.gmx"),
		gmx("gmx-com", "GMX (gmx.com)", "com", "gmx.com", "gmx.tm", "gmx.us", "gmx.co.uk", "gmx.es", "gmx.fr", "gmx.ca", "gmx.cn", "gmx.co.in", "gmx.com.br",
			"gmx.com.my", "gmx.hk", "gmx.ie", "gmx.ph", "gmx.pt", "gmx.ru", "gmx.se", "gmx.sg", "gmx.tw", "gmx.com.tr", "gmx.it", "gmx.li"),
		webDE(),
		netease("163", pop3s("pop.163.com")),
		netease("126", Server{}),
		tOnline(), orange(), comcast(),
	}
}
