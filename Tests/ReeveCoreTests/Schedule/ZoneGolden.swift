// SPDX-License-Identifier: Apache-2.0
//
// What Python's zoneinfo says of hard zones, a second before each of some changes and at it: zone, instant, seconds
// east of Greenwich, abbreviation. `Tests/Oracles/run zones` compares all zones.

let zoneGolden = """
    Europe/Amsterdam|-1025745573|4772|NST
    Europe/Amsterdam|-1025745572|4800|+0120
    Africa/Monrovia|63593069|-2670|MMT
    Africa/Monrovia|63593070|0|GMT
    Australia/Lord_Howe|1759591799|37800|+1030
    Australia/Lord_Howe|1759591800|39600|+11
    Australia/Lord_Howe|1743865199|39600|+11
    Australia/Lord_Howe|1743865200|37800|+1030
    Pacific/Apia|1325239199|-36000|-10
    Pacific/Apia|1325239200|50400|+14
    Pacific/Kwajalein|745934399|-43200|-12
    Pacific/Kwajalein|745934400|43200|+12
    Asia/Kathmandu|504901799|19800|+0530
    Asia/Kathmandu|504901800|20700|+0545
    America/Caracas|1462085999|-16200|-0430
    America/Caracas|1462086000|-14400|-04
    Asia/Pyongyang|1439564399|32400|KST
    Asia/Pyongyang|1439564400|30600|KST
    Africa/Casablanca|1710035999|3600|+01
    Africa/Casablanca|1710036000|0|+00
    Africa/Casablanca|1713059999|0|+00
    Africa/Casablanca|1713060000|3600|+01
    Europe/Dublin|1743296399|0|GMT
    Europe/Dublin|1743296400|3600|IST
    Europe/Dublin|1761440399|3600|IST
    Europe/Dublin|1761440400|0|GMT
    America/St_Johns|1162089059|-9000|NDT
    America/St_Johns|1162089060|-12600|NST
    America/Sao_Paulo|1541300399|-10800|-03
    America/Sao_Paulo|1541300400|-7200|-02
    Antarctica/Troll|1743296399|0|+00
    Antarctica/Troll|1743296400|7200|+02
    Antarctica/Casey|1583596799|39600|+11
    Antarctica/Casey|1583596800|28800|+08
    America/Nuuk|1679792399|-10800|-03
    America/Nuuk|1679792400|-7200|-02
    Pacific/Chatham|1743861599|49500|+1345
    Pacific/Chatham|1743861600|45900|+1245
    Europe/Berlin|4078429199|3600|CET
    Europe/Berlin|4078429200|7200|CEST
    America/New_York|4097195999|-14400|EDT
    America/New_York|4097196000|-18000|EST
    """
